/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan-spy.h"
#include "vulkan/vk-device.h"

#include <dlfcn.h>
#include <string.h>

guint spy_made;
const char *spy_fails;
int spy_result;
guint spy_fails_at, spy_fails_for;
guint64 spy_most_memory;
guint spy_transfer_queues, spy_clock_bits, spy_submitted, spy_sent, spy_received;
guint32 spy_most_range, spy_most_buffers;
gboolean spy_hides_coherent;
gboolean spy_pretends_gpu, spy_drops_barriers, spy_skips_half, spy_skips_all;

const guint32 *spy_skips_code;
guint spy_skipped;

static gboolean is_half; /* the last device made */
static VkShaderModule skipped_module; /* the last one of spy_skips_code */
static GHashTable *skipped_pipelines; /* of it */
static gboolean is_skipped; /* the pipeline that is bound */
static GHashTable *recording; /* command buffers that are begun and not ended; other threads have some too */
static GMutex recording_lock;

static gpointer real(const char *name)
{
    gpointer call = dlsym(dlopen("libvulkan.so.1", RTLD_NOW), name);

    g_assert_nonnull(call);
    return call;
}

static gboolean spy_says_no(const char *name)
{
    if (g_strcmp0(spy_fails, name) || (spy_fails_at > 0 && spy_fails_at-- > 0))
        return FALSE;
    if (spy_fails_for > 0 && --spy_fails_for == 0)
        spy_fails = NULL;
    return TRUE;
}

/* The program's own symbol wins over the loader's, in plugins too. */
#define SPY(name, counts, parameters, arguments) ADDING_SPY(spy_made, counts, name, parameters, arguments)
#define COUNTING_SPY(counter, name, parameters, arguments) ADDING_SPY(counter, 1, name, parameters, arguments)
#define ADDING_SPY(counter, counts, name, parameters, arguments)                                                       \
    VKAPI_ATTR VkResult VKAPI_CALL name parameters                                                                     \
    {                                                                                                                  \
        counter += counts;                                                                                             \
        return spy_says_no(#name) ? (VkResult)spy_result : ((PFN_##name)real(#name))arguments;                         \
    }

SPY(vkCreateInstance, 0, (const VkInstanceCreateInfo *i, const VkAllocationCallbacks *a, VkInstance *o), (i, a, o))

VKAPI_ATTR VkResult VKAPI_CALL vkCreateDevice(VkPhysicalDevice d, const VkDeviceCreateInfo *i,
                                              const VkAllocationCallbacks *a, VkDevice *o)
{
    VkDeviceCreateInfo without_transfers = *i;

    without_transfers.queueCreateInfoCount = 1; /* they are the first family's queue */
    i = spy_transfer_queues ? &without_transfers : i;
    is_half = FALSE;
    for (const VkBaseInStructure *s = i->pNext; s; s = s->pNext)
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES)
            is_half = ((const VkPhysicalDevice16BitStorageFeatures *)s)->storageBuffer16BitAccess;
    return spy_says_no("vkCreateDevice") ? (VkResult)spy_result
                                         : ((PFN_vkCreateDevice)real("vkCreateDevice"))(d, i, a, o);
}

VKAPI_ATTR void VKAPI_CALL vkCmdDispatch(VkCommandBuffer c, uint32_t x, uint32_t y, uint32_t z)
{
    if (is_skipped)
        spy_skipped++;
    else if (!spy_skips_all && !(spy_skips_half && is_half))
        ((PFN_vkCmdDispatch)real("vkCmdDispatch"))(c, x, y, z);
}

VKAPI_ATTR void VKAPI_CALL vkGetPhysicalDeviceQueueFamilyProperties(VkPhysicalDevice d, uint32_t *n,
                                                                    VkQueueFamilyProperties *o)
{
    uint32_t most = *n;

    ((PFN_vkGetPhysicalDeviceQueueFamilyProperties)real("vkGetPhysicalDeviceQueueFamilyProperties"))(d, n, o);
    if (spy_transfer_queues && o && *n == 1 && most > 2) {
        o[(*n)++] = (VkQueueFamilyProperties){VK_QUEUE_TRANSFER_BIT, spy_transfer_queues, 64, {1, 1, 1}};
        o[(*n)++] =
            (VkQueueFamilyProperties){VK_QUEUE_TRANSFER_BIT | VK_QUEUE_VIDEO_DECODE_BIT_KHR, 1, 32, {1, 1, 1}};
    }
    for (uint32_t k = 0; o && spy_clock_bits && k < *n; k++)
        o[k].timestampValidBits = spy_clock_bits;
}

VKAPI_ATTR VkResult VKAPI_CALL vkGetQueryPoolResults(VkDevice d, VkQueryPool p, uint32_t first, uint32_t n, size_t size,
                                                     void *o, VkDeviceSize stride, VkQueryResultFlags flags)
{
    VkResult result = ((PFN_vkGetQueryPoolResults)real("vkGetQueryPoolResults"))(d, p, first, n, size, o, stride, flags);

    g_assert_true(flags & VK_QUERY_RESULT_64_BIT && stride == sizeof(guint64));
    for (uint32_t k = 0; spy_clock_bits && k < n; k++)
        ((guint64 *)o)[k] &= G_MAXUINT64 >> (64 - spy_clock_bits);
    return result;
}

VKAPI_ATTR void VKAPI_CALL vkGetPhysicalDeviceMemoryProperties(VkPhysicalDevice d, VkPhysicalDeviceMemoryProperties *o)
{
    ((PFN_vkGetPhysicalDeviceMemoryProperties)real("vkGetPhysicalDeviceMemoryProperties"))(d, o);
    for (uint32_t k = 0; spy_hides_coherent && k < o->memoryTypeCount; k++)
        o->memoryTypes[k].propertyFlags &= ~(VkMemoryPropertyFlags)VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
}

static gboolean record(VkCommandBuffer c, gboolean begins)
{
    gboolean was;

    g_mutex_lock(&recording_lock);
    if (!recording)
        recording = g_hash_table_new(NULL, NULL);
    was = begins ? !g_hash_table_add(recording, c) : g_hash_table_remove(recording, c);
    g_mutex_unlock(&recording_lock);
    return was;
}

static gboolean is_recording(VkCommandBuffer c)
{
    gboolean is;

    g_mutex_lock(&recording_lock);
    is = recording && g_hash_table_contains(recording, c);
    g_mutex_unlock(&recording_lock);
    return is;
}

VKAPI_ATTR VkResult VKAPI_CALL vkBeginCommandBuffer(VkCommandBuffer c, const VkCommandBufferBeginInfo *i)
{
    record(c, TRUE);
    return ((PFN_vkBeginCommandBuffer)real("vkBeginCommandBuffer"))(c, i);
}

VKAPI_ATTR VkResult VKAPI_CALL vkEndCommandBuffer(VkCommandBuffer c)
{
    g_assert_true(record(c, FALSE));
    return ((PFN_vkEndCommandBuffer)real("vkEndCommandBuffer"))(c);
}

VKAPI_ATTR void VKAPI_CALL vkCmdResetQueryPool(VkCommandBuffer c, VkQueryPool p, uint32_t first, uint32_t n)
{
    g_assert_true(is_recording(c));
    ((PFN_vkCmdResetQueryPool)real("vkCmdResetQueryPool"))(c, p, first, n);
}

VKAPI_ATTR void VKAPI_CALL vkGetDeviceQueue(VkDevice d, uint32_t family, uint32_t k, VkQueue *o)
{
    gboolean pretended = spy_transfer_queues && family == 1;

    g_assert_cmpuint(family, <, 2); /* not the video decoder's */
    ((PFN_vkGetDeviceQueue)real("vkGetDeviceQueue"))(d, pretended ? 0 : family, pretended ? 0 : k, o);
}

VKAPI_ATTR VkResult VKAPI_CALL vkCreateCommandPool(VkDevice d, const VkCommandPoolCreateInfo *i,
                                                   const VkAllocationCallbacks *a, VkCommandPool *o)
{
    VkCommandPoolCreateInfo first = *i;

    first.queueFamilyIndex = spy_transfer_queues ? 0 : i->queueFamilyIndex;
    return ((PFN_vkCreateCommandPool)real("vkCreateCommandPool"))(d, &first, a, o);
}

VKAPI_ATTR VkResult VKAPI_CALL vkCreateBuffer(VkDevice d, const VkBufferCreateInfo *i, const VkAllocationCallbacks *a,
                                              VkBuffer *o)
{
    VkBufferCreateInfo of_one_family = *i;

    spy_made++;
    of_one_family.sharingMode = VK_SHARING_MODE_EXCLUSIVE;
    return spy_says_no("vkCreateBuffer")
               ? (VkResult)spy_result
               : ((PFN_vkCreateBuffer)real("vkCreateBuffer"))(d, spy_transfer_queues ? &of_one_family : i, a, o);
}


VKAPI_ATTR VkResult VKAPI_CALL vkCreateShaderModule(VkDevice d, const VkShaderModuleCreateInfo *i,
                                                    const VkAllocationCallbacks *a, VkShaderModule *o)
{
    VkResult result;

    spy_made++;
    if (spy_says_no("vkCreateShaderModule"))
        return (VkResult)spy_result;
    result = ((PFN_vkCreateShaderModule)real("vkCreateShaderModule"))(d, i, a, o);
    skipped_module = spy_skips_code && i->pCode == spy_skips_code ? *o : VK_NULL_HANDLE;
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL vkCreateComputePipelines(VkDevice d, VkPipelineCache c, uint32_t n,
                                                        const VkComputePipelineCreateInfo *i,
                                                        const VkAllocationCallbacks *a, VkPipeline *o)
{
    VkResult result;

    spy_made++;
    if (spy_says_no("vkCreateComputePipelines"))
        return (VkResult)spy_result;
    result = ((PFN_vkCreateComputePipelines)real("vkCreateComputePipelines"))(d, c, n, i, a, o);
    if (!skipped_pipelines)
        skipped_pipelines = g_hash_table_new(NULL, NULL);
    if (skipped_module && i->stage.module == skipped_module)
        g_hash_table_add(skipped_pipelines, *o);
    else
        g_hash_table_remove(skipped_pipelines, *o); /* an old one's address */
    return result;
}

VKAPI_ATTR void VKAPI_CALL vkCmdBindPipeline(VkCommandBuffer c, VkPipelineBindPoint p, VkPipeline pipeline)
{
    is_skipped = skipped_pipelines && g_hash_table_contains(skipped_pipelines, pipeline);
    ((PFN_vkCmdBindPipeline)real("vkCmdBindPipeline"))(c, p, pipeline);
}

SPY(vkCreateDescriptorPool, 1,
    (VkDevice d, const VkDescriptorPoolCreateInfo *i, const VkAllocationCallbacks *a, VkDescriptorPool *o),
    (d, i, a, o))
SPY(vkAllocateDescriptorSets, 1, (VkDevice d, const VkDescriptorSetAllocateInfo *i, VkDescriptorSet *o), (d, i, o))
SPY(vkAllocateCommandBuffers, 1, (VkDevice d, const VkCommandBufferAllocateInfo *i, VkCommandBuffer *o), (d, i, o))
COUNTING_SPY(spy_submitted, vkQueueSubmit, (VkQueue q, uint32_t n, const VkSubmitInfo *i, VkFence f), (q, n, i, f))
COUNTING_SPY(spy_sent, vkFlushMappedMemoryRanges, (VkDevice d, uint32_t n, const VkMappedMemoryRange *r), (d, n, r))
COUNTING_SPY(spy_received, vkInvalidateMappedMemoryRanges, (VkDevice d, uint32_t n, const VkMappedMemoryRange *r),
             (d, n, r))
SPY(vkWaitForFences, 0, (VkDevice d, uint32_t n, const VkFence *f, VkBool32 all, uint64_t ns), (d, n, f, all, ns))

VKAPI_ATTR VkResult VKAPI_CALL vkAllocateMemory(VkDevice d, const VkMemoryAllocateInfo *i,
                                                const VkAllocationCallbacks *a, VkDeviceMemory *o)
{
    spy_made++;
    if (spy_most_memory && i->allocationSize > spy_most_memory)
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    return spy_says_no("vkAllocateMemory") ? (VkResult)spy_result
                                           : ((PFN_vkAllocateMemory)real("vkAllocateMemory"))(d, i, a, o);
}

VKAPI_ATTR void VKAPI_CALL vkGetPhysicalDeviceProperties(VkPhysicalDevice d, VkPhysicalDeviceProperties *o)
{
    ((PFN_vkGetPhysicalDeviceProperties)real("vkGetPhysicalDeviceProperties"))(d, o);
    if (spy_pretends_gpu && o->deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU)
        o->deviceType = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
    if (spy_most_range)
        o->limits.maxStorageBufferRange = spy_most_range;
    if (spy_most_buffers)
        o->limits.maxPerStageDescriptorStorageBuffers = spy_most_buffers;
}

VKAPI_ATTR void VKAPI_CALL vkCmdPipelineBarrier(VkCommandBuffer c, VkPipelineStageFlags from, VkPipelineStageFlags to,
                                                VkDependencyFlags flags, uint32_t n, const VkMemoryBarrier *all,
                                                uint32_t n_buffers, const VkBufferMemoryBarrier *buffers,
                                                uint32_t n_images, const VkImageMemoryBarrier *images)
{
    if (!spy_drops_barriers || from != VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT)
        ((PFN_vkCmdPipelineBarrier)real("vkCmdPipelineBarrier"))(c, from, to, flags, n, all, n_buffers, buffers,
                                                                 n_images, images);
}

gboolean spy_has_validation_layer(void)
{
    VkLayerProperties layers[64];
    uint32_t n = G_N_ELEMENTS(layers);

    if (vkEnumerateInstanceLayerProperties(&n, layers) < 0)
        return FALSE;
    while (n-- > 0)
        if (!strcmp(layers[n].layerName, "VK_LAYER_KHRONOS_validation"))
            return TRUE;
    return FALSE;
}

static GString *printed;

static void keep(const char *text)
{
    g_string_append(printed, text);
}

void spy_check_valid(void (*run)(void))
{
    GPrintFunc old;

    if (!spy_has_validation_layer()) {
        g_test_skip("the Vulkan validation layers are not installed");
        return;
    }
    printed = g_string_new(NULL);
    old = g_set_printerr_handler(keep);
    g_setenv("YONOS_VULKAN_VALIDATE", "1", TRUE);
    run();
    g_unsetenv("YONOS_VULKAN_VALIDATE");
    g_set_printerr_handler(old);
    g_assert_cmpstr(printed->str, ==, "");
    g_string_free(printed, TRUE);
}
