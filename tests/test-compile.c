/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a real GPU's compiler makes of the kernels, without the GPU: Mesa's RADV compiles for one that is not there
 * (RADV_FORCE_FAMILY). Such a device has no memory and runs nothing, so this program stands between it and the engine
 * with calls that do nothing. Every tile of every convolution must compile, and none may spill a register. */
#include "models/compact.h"
#include "tested-device.h"
#include "vulkan/vk-device.h"
#include "vulkan/vk-tile.h"
#include "vulkan/vulkan-executor.h"

#include <dlfcn.h>
#include <string.h>

#pragma GCC diagnostic ignored "-Wunused-parameter"

#define DRIVER "/usr/share/vulkan/icd.d/radeon_icd.x86_64.json"
#define MEMORY (64 << 20) /* more than any mapped buffer */

static guint pipelines, spilled;
static VkDevice device;

static gpointer real(const char *name)
{
    gpointer call = dlsym(dlopen("libvulkan.so.1", RTLD_NOW), name);

    g_assert_nonnull(call);
    return call;
}

/* --- what is not there --- */

#define HANDLE(type) ((type)(guintptr)g_atomic_int_add(&handles, 1))
static gint handles = 1;

#define CALL VKAPI_ATTR VkResult VKAPI_CALL
#define COMMAND VKAPI_ATTR void VKAPI_CALL

COMMAND vkGetPhysicalDeviceMemoryProperties(VkPhysicalDevice d, VkPhysicalDeviceMemoryProperties *o)
{
    *o = (VkPhysicalDeviceMemoryProperties){
        .memoryTypeCount = 2,
        .memoryTypes = {{VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0},
                        {VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, 0}},
        .memoryHeapCount = 1,
        .memoryHeaps = {{(VkDeviceSize)8 << 30, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT}}};
}

COMMAND vkGetPhysicalDeviceMemoryProperties2(VkPhysicalDevice d, VkPhysicalDeviceMemoryProperties2 *o)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT *budget = o->pNext;

    if (budget)
        budget->heapBudget[0] = (VkDeviceSize)8 << 30;
}

COMMAND vkGetBufferMemoryRequirements(VkDevice d, VkBuffer b, VkMemoryRequirements *o)
{
    *o = (VkMemoryRequirements){1 << 20, 256, 3};
}

CALL vkAllocateMemory(VkDevice d, const VkMemoryAllocateInfo *i, const VkAllocationCallbacks *a, VkDeviceMemory *o)
{
    *o = HANDLE(VkDeviceMemory);
    return VK_SUCCESS;
}

CALL vkMapMemory(VkDevice d, VkDeviceMemory m, VkDeviceSize at, VkDeviceSize size, VkMemoryMapFlags f, void **o)
{
    static guint8 *memory;

    memory = memory ? memory : g_malloc0(MEMORY);
    *o = memory;
    return VK_SUCCESS;
}

CALL vkAllocateCommandBuffers(VkDevice d, const VkCommandBufferAllocateInfo *i, VkCommandBuffer *o)
{
    for (uint32_t k = 0; k < i->commandBufferCount; k++)
        o[k] = HANDLE(VkCommandBuffer);
    return VK_SUCCESS;
}

CALL vkAllocateDescriptorSets(VkDevice d, const VkDescriptorSetAllocateInfo *i, VkDescriptorSet *o)
{
    *o = HANDLE(VkDescriptorSet);
    return VK_SUCCESS;
}

#define NO_OBJECT(name, info, type)                                                                                    \
    CALL name(VkDevice d, const info *i, const VkAllocationCallbacks *a, type *o)                                      \
    {                                                                                                                  \
        *o = HANDLE(type);                                                                                             \
        return VK_SUCCESS;                                                                                             \
    }
NO_OBJECT(vkCreateDescriptorPool, VkDescriptorPoolCreateInfo, VkDescriptorPool)
NO_OBJECT(vkCreateQueryPool, VkQueryPoolCreateInfo, VkQueryPool)
NO_OBJECT(vkCreateFence, VkFenceCreateInfo, VkFence)

#define DOES_NOTHING(result, name, value, ...)                                                                         \
    VKAPI_ATTR result VKAPI_CALL name(__VA_ARGS__)                                                                     \
    {                                                                                                                  \
        return value;                                                                                                  \
    }
#define SUCCEEDS(name, ...) DOES_NOTHING(VkResult, name, VK_SUCCESS, __VA_ARGS__)
#define NOTHING(name, ...) DOES_NOTHING(void, name, (void)0, __VA_ARGS__)
SUCCEEDS(vkBindBufferMemory, VkDevice d, VkBuffer b, VkDeviceMemory m, VkDeviceSize at)
SUCCEEDS(vkFlushMappedMemoryRanges, VkDevice d, uint32_t n, const VkMappedMemoryRange *r)
SUCCEEDS(vkInvalidateMappedMemoryRanges, VkDevice d, uint32_t n, const VkMappedMemoryRange *r)
SUCCEEDS(vkQueueSubmit, VkQueue q, uint32_t n, const VkSubmitInfo *s, VkFence f)
SUCCEEDS(vkWaitForFences, VkDevice d, uint32_t n, const VkFence *f, VkBool32 all, uint64_t t)
SUCCEEDS(vkResetFences, VkDevice d, uint32_t n, const VkFence *f)
SUCCEEDS(vkDeviceWaitIdle, VkDevice d)
SUCCEEDS(vkBeginCommandBuffer, VkCommandBuffer c, const VkCommandBufferBeginInfo *i)
SUCCEEDS(vkEndCommandBuffer, VkCommandBuffer c)
NOTHING(vkFreeMemory, VkDevice d, VkDeviceMemory m, const VkAllocationCallbacks *a)
NOTHING(vkDestroyDescriptorPool, VkDevice d, VkDescriptorPool p, const VkAllocationCallbacks *a)
NOTHING(vkDestroyQueryPool, VkDevice d, VkQueryPool p, const VkAllocationCallbacks *a)
NOTHING(vkDestroyFence, VkDevice d, VkFence f, const VkAllocationCallbacks *a)
NOTHING(vkFreeCommandBuffers, VkDevice d, VkCommandPool p, uint32_t n, const VkCommandBuffer *c)
NOTHING(vkUpdateDescriptorSets, VkDevice d, uint32_t n, const VkWriteDescriptorSet *w, uint32_t m,
        const VkCopyDescriptorSet *c)
NOTHING(vkCmdBindPipeline, VkCommandBuffer c, VkPipelineBindPoint b, VkPipeline p)
NOTHING(vkCmdBindDescriptorSets, VkCommandBuffer c, VkPipelineBindPoint b, VkPipelineLayout l, uint32_t first,
        uint32_t n, const VkDescriptorSet *s, uint32_t m, const uint32_t *o)
NOTHING(vkCmdPushConstants, VkCommandBuffer c, VkPipelineLayout l, VkShaderStageFlags s, uint32_t at, uint32_t n,
        const void *v)
NOTHING(vkCmdDispatch, VkCommandBuffer c, uint32_t x, uint32_t y, uint32_t z)
NOTHING(vkCmdFillBuffer, VkCommandBuffer c, VkBuffer b, VkDeviceSize at, VkDeviceSize n, uint32_t v)
NOTHING(vkCmdCopyBuffer, VkCommandBuffer c, VkBuffer from, VkBuffer to, uint32_t n, const VkBufferCopy *r)
NOTHING(vkCmdPipelineBarrier, VkCommandBuffer c, VkPipelineStageFlags from, VkPipelineStageFlags to,
        VkDependencyFlags f, uint32_t n, const VkMemoryBarrier *m, uint32_t n_buffers, const VkBufferMemoryBarrier *b,
        uint32_t n_images, const VkImageMemoryBarrier *images)
NOTHING(vkCmdResetQueryPool, VkCommandBuffer c, VkQueryPool p, uint32_t first, uint32_t n)
NOTHING(vkCmdWriteTimestamp, VkCommandBuffer c, VkPipelineStageFlagBits s, VkQueryPool p, uint32_t k)

/* --- what compiles --- */

CALL vkCreateDevice(VkPhysicalDevice d, const VkDeviceCreateInfo *i, const VkAllocationCallbacks *a, VkDevice *o)
{
    const char *extensions[8] = {VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME};
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR told = {
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR, (void *)i->pNext, VK_TRUE};
    VkDeviceCreateInfo info = *i;
    VkResult result;

    g_assert_cmpuint(info.enabledExtensionCount, <, G_N_ELEMENTS(extensions));
    for (uint32_t k = 0; k < i->enabledExtensionCount; k++)
        extensions[k + 1] = i->ppEnabledExtensionNames[k];
    info.pNext = &told;
    info.enabledExtensionCount++;
    info.ppEnabledExtensionNames = extensions;
    result = ((PFN_vkCreateDevice)real("vkCreateDevice"))(d, &info, a, o);
    device = *o;
    return result;
}

static guint64 statistic(VkPipeline pipeline, const char *name)
{
    PFN_vkGetPipelineExecutableStatisticsKHR get =
        (PFN_vkGetPipelineExecutableStatisticsKHR)vkGetDeviceProcAddr(device, "vkGetPipelineExecutableStatisticsKHR");
    VkPipelineExecutableInfoKHR first = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, .pipeline = pipeline};
    VkPipelineExecutableStatisticKHR all[64];
    uint32_t n = G_N_ELEMENTS(all);

    for (uint32_t k = 0; k < n; k++)
        all[k] = (VkPipelineExecutableStatisticKHR){.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR};
    g_assert_cmpint(get(device, &first, &n, all), ==, VK_SUCCESS);
    for (uint32_t k = 0; k < n; k++)
        if (!strcmp(all[k].name, name))
            return all[k].value.u64;
    g_error("the driver does not tell '%s'", name);
}

CALL vkCreateComputePipelines(VkDevice d, VkPipelineCache c, uint32_t n, const VkComputePipelineCreateInfo *i,
                              const VkAllocationCallbacks *a, VkPipeline *o)
{
    VkComputePipelineCreateInfo info = *i;
    VkResult result;

    info.flags |= VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR;
    result = ((PFN_vkCreateComputePipelines)real("vkCreateComputePipelines"))(d, c, n, &info, a, o);
    g_assert_cmpint(result, ==, VK_SUCCESS);
    g_assert_cmpuint(statistic(*o, "VGPRs"), >, 0); /* it is compiled to registers indeed */
    pipelines++;
    if (statistic(*o, "Spilled VGPRs") + statistic(*o, "Spilled SGPRs") + statistic(*o, "Scratch size") > 0)
        spilled++;
    return result;
}

typedef struct {
    const char *family, *tier;
    int scale;
    YonosVulkanPrecision half;
} Case;

static const Case cases[] = {
    {"navi21", "fast", 4, YONOS_VULKAN_HALF},     {"navi21", "fast", 2, YONOS_VULKAN_SINGLE},
    {"navi21", "balanced", 4, YONOS_VULKAN_HALF}, {"navi21", "balanced", 8, YONOS_VULKAN_SINGLE},
    {"polaris10", "fast", 4, YONOS_VULKAN_HALF},  {"vega10", "balanced", 2, YONOS_VULKAN_HALF}};

/* By one row of the table of tiles wherever it can run, -1: by what is chosen. */
static void compile(const Case *c, const YonosGraph *g, int row)
{
    int *tiles = g_new(int, g->nodes->len);
    YonosVulkanOptions options = {.half = c->half, .tiles = tiles, .blocks = MAX(row, 0)};
    GError *error = NULL;
    YonosExecutor *ex;

    for (guint k = 0; k < g->nodes->len; k++)
        tiles[k] = row;
    pipelines = spilled = 0;
    ex = yonos_vulkan_executor_new(g, &options, &error);
    g_assert_no_error(error);
    g_test_message("%s, tile %d: %u pipelines for %s, %u spill", c->tier, row, pipelines,
                   yonos_vulkan_executor_device(ex), spilled);
    g_assert_cmpuint(pipelines, >, 0);
    g_assert_cmpuint(spilled, ==, 0);
    yonos_executor_free(ex);
    g_free(tiles);
}

static void test_case(gconstpointer data)
{
    const Case *c = data;
    YonosGraph *g = yonos_compact_network(yonos_compact_tier(c->tier), 96, 54, c->scale, YONOS_COMPACT_INPUT_LR);
    GError *error = NULL;

    g_setenv("RADV_FORCE_FAMILY", c->family, TRUE);
    yonos_graph_check(g, &error);
    g_assert_no_error(error);
    for (int row = -1; row < (int)yonos_vk_tile_count(); row++)
        compile(c, g, row);
    yonos_graph_free(g);
}

int main(int argc, char **argv)
{
    char *cache;
    int status;

    if (!g_file_test(DRIVER, G_FILE_TEST_EXISTS))
        return 77;
    g_setenv("VK_ICD_FILENAMES", DRIVER, TRUE);
    g_setenv("RADV_FORCE_FAMILY", "navi21", TRUE);
    cache = tested_cache_new();
    g_test_init(&argc, &argv, NULL);
    if (!yonos_vulkan_has_device(NULL)) /* the driver is too new to compile for what is not there */
        return 77;
    for (guint k = 0; k < G_N_ELEMENTS(cases); k++) {
        char *path = g_strdup_printf("/compile/%s/%s-x%d/%s", cases[k].family, cases[k].tier, cases[k].scale,
                                     cases[k].half == YONOS_VULKAN_HALF ? "fp16" : "fp32");
        g_test_add_data_func(path, &cases[k], test_case);
        g_free(path);
    }
    status = g_test_run();
    tested_cache_free(cache);
    return status;
}
