/* Any bytes as YAML: a tree within its limits, or an error with place and mend. */
#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)       \
    do {                      \
        if (!(condition))     \
            __builtin_trap(); \
    } while (0)

/* Nodes of a tree, aliases unfolded. */
static size_t check_tree(const mw_yaml *node, unsigned depth)
{
    size_t n_nodes = 1, n_children = 0;
    bool flag;
    MUST(node->line > 0 && node->column > 0);
    MUST(depth <= MW_LIMIT_YAML_DEPTH);
    if (node->kind == MW_YAML_SCALAR) {
        MUST(!node->first && node->count == 0);
        MUST(node->text.data && node->text.data[node->text.size] == '\0');
        MUST(!mw_yaml_bool(node, &flag) || !mw_yaml_is_null(node));
    }
    for (const mw_yaml *child = node->first; child; child = child->next, n_children++) {
        n_nodes += check_tree(child, depth + (child->kind != MW_YAML_SCALAR));
        MUST((child->key_line > 0) == (node->kind == MW_YAML_MAP));
        if (node->kind == MW_YAML_MAP && strlen(child->key.data) == child->key.size)
            MUST(mw_yaml_member(node, child->key.data) == child);
    }
    MUST(n_children == node->count);
    return n_nodes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err = {0};
    mw_yaml_document *document = NULL;
    char *tight = malloc(size ? size : 1);
    MUST(tight);
    if (size > 0)
        memcpy(tight, data, size);
    if (mw_yaml_read((mw_view){tight, size}, "fuzz.yaml", &document, &err) == MW_OK) {
        const mw_yaml *root = mw_yaml_root(document);
        MUST(check_tree(root, root->kind != MW_YAML_SCALAR) <= MW_LIMIT_YAML_NODES);
    } else {
        MUST(!document && err.what[0] && err.mend[0]);
        MUST(mw_view_starts(mw_view_of(err.where), "fuzz.yaml:"));
    }
    mw_yaml_free(document);
    free(tight);
    return 0;
}
