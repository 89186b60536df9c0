/* ONNX Runtime of a version before 1.18, as far as one can see: it has no table of that version. */
#include <stddef.h>
#include <stdint.h>

typedef struct api_base {
    const void *(*table)(uint32_t version);
    const char *(*version)(void);
} api_base;

__attribute__((visibility("default"))) const api_base *OrtGetApiBase(void);

static const void *table(uint32_t version)
{
    (void)version;
    return NULL;
}

static const char *version(void)
{
    return "1.17.3";
}

const api_base *OrtGetApiBase(void)
{
    static const api_base base = {table, version};
    return &base;
}
