/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vk-device.h"
#include "base/error.h"
#include "vulkan/vk-cache.h"
#include "vulkan/vk-kernels.h"
#include "vulkan/vk-tuned.h"

#include <string.h>

#define MAX_DEVICES 16
#define INVOCATIONS 256 /* of a workgroup that reduces */

void yonos_vk_set_error(GError **error, VkResult result, const char *call)
{
    int length = (int)strcspn(call, "(");

    if (result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY ||
        result == VK_ERROR_OUT_OF_POOL_MEMORY)
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY,
                    "The Vulkan device has too little memory (%.*s); use smaller frames, or the CPU (device=cpu).",
                    length, call);
    else if (result == VK_ERROR_DEVICE_LOST)
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_DEVICE,
                    "The Vulkan device was lost (%.*s); start again, and look into the driver's log.", length, call);
    else if (result == VK_ERROR_LAYER_NOT_PRESENT)
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED,
                    "YONOS_VULKAN_VALIDATE is set, but the Vulkan validation layers are not there; install or unset "
                    "them.");
    else
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_DEVICE,
                    "Vulkan failed in %.*s (VkResult %d); update its driver, or use the CPU (device=cpu).", length,
                    call, result);
}

static VKAPI_ATTR VkBool32 VKAPI_CALL report(G_GNUC_UNUSED VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                             G_GNUC_UNUSED VkDebugUtilsMessageTypeFlagsEXT types,
                                             const VkDebugUtilsMessengerCallbackDataEXT *data, G_GNUC_UNUSED void *user)
{
    g_printerr("%s\n", data->pMessage);
    return VK_FALSE;
}

/* TRUE without an instance where there is no driver at all, so no device. */
static gboolean instance_make(YonosVkDevice *d, GError **error)
{
    static const char *const layers[] = {"VK_LAYER_KHRONOS_validation"};
    static const char *const extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME};
    static const VkValidationFeatureEnableEXT enabled[] = {VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT};
    VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .pApplicationName = "gst-yonos", .apiVersion = VK_API_VERSION_1_3};
    VkDebugUtilsMessengerCreateInfoEXT messenger = {.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
                                                    .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                                                                       VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
                                                    .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
                                                    .pfnUserCallback = report};
    VkValidationFeaturesEXT features = {.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                        .enabledValidationFeatureCount = 1,
                                        .pEnabledValidationFeatures = enabled};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application};
    gboolean validate = !g_strcmp0(g_getenv("YONOS_VULKAN_VALIDATE"), "1");
    PFN_vkCreateDebugUtilsMessengerEXT create;
    VkResult result;

    if (validate) {
        info.pNext = &features;
        info.enabledLayerCount = info.enabledExtensionCount = 1;
        info.ppEnabledLayerNames = layers;
        info.ppEnabledExtensionNames = extensions;
    }
    result = vkCreateInstance(&info, NULL, &d->instance);
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER) {
        d->instance = NULL;
        return TRUE;
    }
    if (result != VK_SUCCESS) {
        yonos_vk_set_error(error, result, "vkCreateInstance");
        return FALSE;
    }
    if (!validate)
        return TRUE;
    create = (PFN_vkCreateDebugUtilsMessengerEXT)vkGetInstanceProcAddr(d->instance, "vkCreateDebugUtilsMessengerEXT");
    if (create)
        VK(create(d->instance, &messenger, NULL, &d->messenger));
    return TRUE;
fail:
    return FALSE;
}

static gboolean name_has(const char *name, const char *part)
{
    char *a = g_ascii_strdown(name, -1), *b = g_ascii_strdown(part, -1);
    gboolean has = strstr(a, b) != NULL;

    g_free(a);
    g_free(b);
    return has;
}

static gboolean is_real(const VkPhysicalDeviceProperties *properties)
{
    return properties->deviceType == VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU ||
           properties->deviceType == VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU ||
           properties->deviceType == VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU;
}

char *yonos_vk_uuid_text(const guint8 uuid[VK_UUID_SIZE])
{
    GString *text = g_string_new(NULL);

    for (guint k = 0; k < VK_UUID_SIZE; k++)
        g_string_append_printf(text, "%02x", uuid[k]);
    return g_string_free(text, FALSE);
}

static gboolean uuid_matches(const YonosVkDevice *d, const char *name)
{
    char **parts = g_strsplit(name, "-", -1), *digits = g_strjoinv("", parts), *uuid;
    gboolean matches = strlen(digits) == 2 * VK_UUID_SIZE && strspn(digits, "0123456789abcdefABCDEF") == strlen(digits);

    if (matches) {
        uuid = yonos_vk_uuid_text(d->uuid);
        matches = !g_ascii_strcasecmp(uuid, digits);
        g_free(uuid);
    }
    g_free(digits);
    g_strfreev(parts);
    return matches;
}

static gboolean device_matches(uint32_t index, const YonosVkDevice *d, const char *name)
{
    if (!name)
        return is_real(&d->properties);
    if (uuid_matches(d, name))
        return TRUE;
    if (*name && strspn(name, "0123456789") == strlen(name))
        return index == g_ascii_strtoull(name, NULL, 10);
    return *name && name_has(d->properties.deviceName, name);
}

/* Video engines and the like can copy too, and are not made for it. */
static gboolean copies_only(const VkQueueFamilyProperties *family)
{
    VkQueueFlags besides = VK_QUEUE_SPARSE_BINDING_BIT | VK_QUEUE_PROTECTED_BIT;

    return (family->queueFlags & ~besides) == VK_QUEUE_TRANSFER_BIT && family->timestampValidBits > 0;
}

static gboolean find_family(YonosVkDevice *d)
{
    VkQueueFamilyProperties families[MAX_DEVICES];
    uint32_t n = MAX_DEVICES;
    gboolean overlap = g_strcmp0(g_getenv("YONOS_DISABLE_OVERLAP"), "1");

    vkGetPhysicalDeviceQueueFamilyProperties(d->physical, &n, families);
    d->transfer_queues = 0;
    for (uint32_t k = 0; k < n && overlap && !d->transfer_queues; k++)
        if (copies_only(&families[k])) {
            d->transfer_family = k;
            d->transfer_queues = MIN(families[k].queueCount, 2);
        }
    for (d->family = 0; d->family < n; d->family++)
        if (families[d->family].queueFlags & VK_QUEUE_COMPUTE_BIT)
            return TRUE;
    return FALSE;
}

/* Downloads, which are the larger, come first; one queue for both would let an upload wait for the network. */
static gboolean transfers_make(YonosVkDevice *d, GError **error)
{
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                    .queueFamilyIndex = d->transfer_family};

    d->upload = d->download = d->queue;
    d->upload_pool = d->download_pool = d->pool;
    if (!d->transfer_queues)
        return TRUE;
    VK(vkCreateCommandPool(d->device, &pool, NULL, &d->transfer_pool));
    vkGetDeviceQueue(d->device, d->transfer_family, 0, &d->download);
    d->download_pool = d->transfer_pool;
    if (d->transfer_queues == 2) {
        vkGetDeviceQueue(d->device, d->transfer_family, 1, &d->upload);
        d->upload_pool = d->transfer_pool;
    }
    return TRUE;
fail:
    return FALSE;
}

static guint32 enumerate(const YonosVkDevice *d, VkPhysicalDevice devices[MAX_DEVICES])
{
    uint32_t n = MAX_DEVICES;
    VkResult result = d->instance ? vkEnumeratePhysicalDevices(d->instance, &n, devices) : VK_ERROR_INCOMPATIBLE_DRIVER;

    return result == VK_SUCCESS || result == VK_INCOMPLETE ? n : 0;
}

/* What all kernels ask for; tiles that ask for more are left out one by one. */
static gboolean kernels_fit(const VkPhysicalDeviceLimits *limits)
{
    return limits->maxPerStageDescriptorStorageBuffers >= YONOS_VK_BINDINGS &&
           limits->maxComputeWorkGroupInvocations >= INVOCATIONS && limits->maxComputeWorkGroupSize[0] >= INVOCATIONS;
}

/* FALSE for one that cannot be used. */
static gboolean look_at(YonosVkDevice *d, VkPhysicalDevice device)
{
    VkPhysicalDeviceIDProperties id = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &id};

    d->physical = device;
    vkGetPhysicalDeviceProperties(device, &d->properties);
    if (d->properties.apiVersion < VK_API_VERSION_1_1 || !kernels_fit(&d->properties.limits))
        return FALSE;
    vkGetPhysicalDeviceProperties2(device, &properties);
    memcpy(d->uuid, id.deviceUUID, VK_UUID_SIZE);
    return find_family(d);
}

static gboolean choose(YonosVkDevice *d, const char *name, GError **error)
{
    VkPhysicalDevice devices[MAX_DEVICES];
    uint32_t n = enumerate(d, devices);
    GString *list = g_string_new(NULL);
    gboolean found = FALSE;

    for (uint32_t k = 0; !found && k < n; k++) {
        if (!look_at(d, devices[k]))
            continue;
        found = device_matches(k, d, name);
        g_string_append_printf(list, "%s%u (%s)", list->len ? ", " : "", k, d->properties.deviceName);
    }
    if (!found && name)
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_NO_DEVICE,
                    "There is no Vulkan device '%s', only %s; set device to one's index, UUID or part of its name, to "
                    "auto or to cpu.",
                    name, list->len ? list->str : "the CPU");
    else if (!found)
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_NO_DEVICE,
                    "There is no GPU with Vulkan 1.1; install its driver, or use the CPU (device=cpu).");
    g_string_free(list, TRUE);
    return found;
}

/* Drivers older than Vulkan 1.2 may not know their name. */
static char *driver_text(const YonosVkDevice *d)
{
    VkPhysicalDeviceDriverProperties driver = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                              .pNext = &driver};

    if (d->properties.apiVersion >= VK_API_VERSION_1_2)
        vkGetPhysicalDeviceProperties2(d->physical, &properties);
    if (*driver.driverName)
        return g_strdup_printf("%s %s", driver.driverName, driver.driverInfo);
    return g_strdup_printf("version %u", d->properties.driverVersion);
}

static gboolean features_choose(YonosVkDevice *d, const YonosVulkanOptions *options, GError **error)
{
    YonosVulkanPrecision wanted = options->half;

    yonos_vk_features_find(d->instance, d->physical, &d->features);
    d->half =
        wanted != YONOS_VULKAN_SINGLE && (wanted == YONOS_VULKAN_HALF || is_real(&d->properties)) && d->features.half;
    /* no more is asked of the driver than what will be used */
    d->features.half = d->half;
    d->features.coopmat = d->features.coopmat && d->half && options->matrices != YONOS_VULKAN_NO_MATRICES;
    d->features.coopmat2 = d->features.coopmat2 && d->features.coopmat && options->matrices == YONOS_VULKAN_MATRICES;
    if (d->half || wanted != YONOS_VULKAN_HALF)
        return TRUE;
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED,
                "The Vulkan device '%s' cannot store half precision; use single precision (YONOS_PRECISION=fp32).",
                d->properties.deviceName);
    return FALSE;
}

/* Bits of a time stamp that count, on all queues that we use. */
static void find_clock(YonosVkDevice *d)
{
    VkQueueFamilyProperties families[MAX_DEVICES];
    uint32_t n = MAX_DEVICES, bits;

    vkGetPhysicalDeviceQueueFamilyProperties(d->physical, &n, families);
    bits = families[d->family].timestampValidBits;
    if (d->transfer_queues)
        bits = MIN(bits, families[d->transfer_family].timestampValidBits);
    d->clock = bits ? G_MAXUINT64 >> (64 - bits) : 0;
}

double yonos_vk_device_seconds(const YonosVkDevice *d, guint64 from, guint64 to)
{
    return (double)((to - from) & d->clock) * d->properties.limits.timestampPeriod * 1e-9;
}

/* What we need beside the device itself. */
static gboolean parts_make(YonosVkDevice *d, GError **error)
{
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                    .queueFamilyIndex = d->family};
    VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};

    d->driver = driver_text(d);
    find_clock(d);
    vkGetPhysicalDeviceMemoryProperties(d->physical, &d->memory);
    VK(vkCreateCommandPool(d->device, &pool, NULL, &d->pool));
    VK(vkCreateFence(d->device, &fence, NULL, &d->fence));
    return transfers_make(d, error) && yonos_vk_cache_load(d, error);
fail:
    return FALSE;
}

static gboolean device_make(YonosVkDevice *d, GError **error)
{
    static const float priorities[] = {1, 1};
    VkDeviceQueueCreateInfo queues[] = {{.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                         .queueFamilyIndex = d->family,
                                         .queueCount = 1,
                                         .pQueuePriorities = priorities},
                                        {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                         .queueFamilyIndex = d->transfer_family,
                                         .queueCount = d->transfer_queues,
                                         .pQueuePriorities = priorities}};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .queueCreateInfoCount = d->transfer_queues ? 2 : 1,
                               .pQueueCreateInfos = queues};
    VkResult result = yonos_vk_features_device(d->physical, &d->features, info, &d->device);

    if (result != VK_SUCCESS) {
        yonos_vk_set_error(error, result, "vkCreateDevice");
        return FALSE;
    }
    vkGetDeviceQueue(d->device, d->family, 0, &d->queue);
    return TRUE;
}

/* FALSE: a device of our own is wanted, or does better. */
static gboolean share(YonosVkDevice *d, const YonosVulkanOptions *options)
{
    const YonosSharedDevice *shared = g_strcmp0(g_getenv("YONOS_DISABLE_SHARING"), "1") ? options->shared : NULL;
    YonosVkDevice own = {.instance = shared ? shared->instance : NULL};
    VkPhysicalDevice devices[MAX_DEVICES];
    uint32_t n = enumerate(&own, devices);
    gboolean fits = FALSE;

    for (uint32_t k = 0; !fits && k < n; k++)
        fits = devices[k] == shared->physical && look_at(&own, devices[k]) &&
               device_matches(k, &own, options->device) && features_choose(&own, options, NULL) &&
               !own.features.coopmat && (shared->half || !own.half);
    if (!fits)
        return FALSE;
    *d = own;
    d->shared = *shared;
    d->shared.hold(d->shared.user, TRUE);
    d->device = shared->device;
    d->queue = shared->queue;
    d->family = shared->family;
    d->transfer_queues = 0;
    d->features.dma_buf = FALSE; /* which nobody has enabled */
    d->features.host_page = 0;
    return TRUE;
}

gboolean yonos_vk_device_open(YonosVkDevice *d, const YonosVulkanOptions *options, GError **error)
{
    gboolean found = share(d, options) || (instance_make(d, error) && choose(d, options->device, error) &&
                                           features_choose(d, options, error) && device_make(d, error));

    if (found && parts_make(d, error)) {
        d->tuned = yonos_vk_tuned_read(d);
        return TRUE;
    }
    yonos_vk_device_close(d);
    return FALSE;
}

void yonos_vk_device_close(YonosVkDevice *d)
{
    PFN_vkDestroyDebugUtilsMessengerEXT destroy;

    if (d->device) {
        vkDestroyPipelineCache(d->device, d->cache, NULL);
        vkDestroyFence(d->device, d->fence, NULL);
        vkDestroyCommandPool(d->device, d->pool, NULL);
        vkDestroyCommandPool(d->device, d->transfer_pool, NULL);
    }
    if (d->device && !d->shared.device)
        vkDestroyDevice(d->device, NULL);
    if (d->messenger) {
        destroy =
            (PFN_vkDestroyDebugUtilsMessengerEXT)vkGetInstanceProcAddr(d->instance, "vkDestroyDebugUtilsMessengerEXT");
        destroy(d->instance, d->messenger, NULL);
    }
    if (d->shared.device)
        d->shared.hold(d->shared.user, FALSE);
    else if (d->instance)
        vkDestroyInstance(d->instance, NULL);
    g_free(d->driver);
    g_clear_pointer(&d->tuned, g_array_unref);
    memset(d, 0, sizeof *d);
}

gboolean yonos_vk_device_exists(const char *name)
{
    YonosVkDevice d = {0};
    gboolean exists = instance_make(&d, NULL) && choose(&d, name, NULL);

    yonos_vk_device_close(&d);
    return exists;
}

static const char *kind(const VkPhysicalDeviceProperties *properties)
{
    static const char *const kinds[] = {"other", "integrated GPU", "discrete GPU", "virtual GPU", "software"};

    return kinds[(guint)properties->deviceType < G_N_ELEMENTS(kinds) ? properties->deviceType : 0];
}

char *yonos_vk_device_list(void)
{
    VkPhysicalDevice devices[MAX_DEVICES];
    YonosVkDevice d = {0};
    GString *list = g_string_new(NULL);
    uint32_t n = instance_make(&d, NULL) ? enumerate(&d, devices) : 0;

    for (uint32_t k = 0; k < n; k++) {
        gboolean usable = look_at(&d, devices[k]);
        char *uuid = usable ? yonos_vk_uuid_text(d.uuid) : NULL;
        g_string_append_printf(list, "%s%u: %s (%s, %s%s)", list->len ? "; " : "", k, d.properties.deviceName,
                               kind(&d.properties), usable ? "UUID " : "cannot be used", usable ? uuid : "");
        g_free(uuid);
    }
    yonos_vk_device_close(&d);
    return g_string_free(list, FALSE);
}

static void lock(YonosVkDevice *d, gboolean locked)
{
    if (d->shared.device)
        d->shared.lock(d->shared.user, locked);
}

gboolean yonos_vk_device_queue(YonosVkDevice *d, VkQueue queue, const VkSubmitInfo *info, VkFence fence, GError **error)
{
    lock(d, TRUE);
    VK(vkQueueSubmit(queue, 1, info, fence));
    lock(d, FALSE);
    return TRUE;
fail:
    lock(d, FALSE);
    return FALSE;
}

gboolean yonos_vk_device_submit(YonosVkDevice *d, VkCommandBuffer commands, GError **error)
{
    VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = commands ? 1 : 0, .pCommandBuffers = &commands};

    VK(vkResetFences(d->device, 1, &d->fence));
    if (!yonos_vk_device_queue(d, d->queue, &info, d->fence, error))
        return FALSE;
    VK(vkWaitForFences(d->device, 1, &d->fence, VK_TRUE, UINT64_MAX));
    return TRUE;
fail:
    return FALSE;
}

gboolean yonos_vk_device_wait(YonosVkDevice *d, GError **error)
{
    if (d->shared.device)
        return yonos_vk_device_submit(d, VK_NULL_HANDLE, error);
    VK(vkDeviceWaitIdle(d->device));
    return TRUE;
fail:
    return FALSE;
}
