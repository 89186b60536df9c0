/* Bytes as a document of mw apply: any input gives a document whose texts are whole, or an error
 * that says something and where; never a crash. */
#include "apply/apply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch(mw_view text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == '\0')
            __builtin_trap(); /* no text of YAML holds one that was taken */
}

static void see(const mw_apply_document *document)
{
    for (size_t i = 0; i < document->n_models; i++) {
        touch(document->models[i].name);
        touch(document->models[i].description);
        touch(document->models[i].gates.gates);
    }
    for (size_t i = 0; i < document->n_endpoints; i++) {
        const mw_apply_endpoint *endpoint = &document->endpoints[i];
        touch(endpoint->name);
        touch(endpoint->settings);
        bool has_model = !endpoint->is_file && !endpoint->is_partial;
        if (has_model && !mw_is_model_address(endpoint->model))
            __builtin_trap();
    }
    for (size_t i = 0; i < document->n_rollouts; i++)
        if (!document->rollouts[i].endpoint[0] || !document->rollouts[i].model[0])
            __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_arena arena;
    mw_error err = {0};
    mw_yaml_document *yaml;
    mw_apply_place place;
    mw_apply_document document;
    mw_arena_init(&arena, 4 * MW_KIB, 64 * MW_MIB);
    if (mw_yaml_read((mw_view){(const char *)data, size}, "fuzz.yaml", &yaml, &err) == MW_OK) {
        if (mw_apply_read(mw_yaml_root(yaml), "fuzz.yaml", &arena, &document, &place, &err) ==
            MW_OK)
            see(&document);
        else if (!err.what[0] || !err.where[0])
            __builtin_trap();
        mw_yaml_free(yaml);
    }
    mw_arena_done(&arena);
    return 0;
}
