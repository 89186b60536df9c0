/* Inputs of text.
 *
 * Rows are numbers here, and a text is the code of a category. That is exact as long as the graph
 * only ever compares texts with lists that stand in the file:
 *
 *     input --(Identity, Concat, Gather ...)--> OneHotEncoder, LabelEncoder, CategoryMapper, Equal
 *
 * Then every text that is in no list is as good as any other, and "" stands for it. An operator
 * that looks into texts (Tokenizer, StringNormalizer, Cast to a number) is refused by name. */
#include "foreign.h"

static bool is_one_of(const model_onnx_node *node, const char *domain, const char *const *ops,
                      size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (model_onnx_is(node, domain, ops[i]))
            return true;
    return false;
}

static mw_status refuse_text(const model_onnx_node *node, mw_error *err)
{
    mw_fail(err, MW_E_RUNTIME_SHAPE, "it takes texts, and not only to compare them");
    mw_why(err, "which texts may come does not stand in the file, and rows hold codes of texts");
    mw_mend(err, "convert the model without this step, and do it before the model");
    return model_onnx_at(node, err);
}

/* Only texts stay texts. */
static mw_status check_cast(const foreign *f, const model_onnx_node *node, mw_error *err)
{
    model_onnx_attribute to;
    bool found = false;
    MW_TRY(model_onnx_find_attribute(&f->onnx, node, "to", &to, &found, err));
    return found && to.integer == MODEL_ONNX_STRING ? MW_OK : refuse_text(node, err);
}

static mw_status take_attribute(const foreign *f, const model_onnx_attribute *attribute,
                                model_list *views, mw_error *err)
{
    static const char *const lists[] = {"cats_strings", "keys_strings"};
    for (size_t i = 0; i < MW_COUNT(lists); i++)
        if (mw_view_is(attribute->name, lists[i]))
            return model_onnx_texts(&f->onnx, attribute, views, err);
    if (mw_view_is(attribute->name, "keys_tensor"))
        return foreign_tensor_texts(f, attribute->tensor, views, err);
    return MW_OK;
}

static mw_status take_encoder(const foreign *f, const model_onnx_node *node, model_list *views,
                              mw_error *err)
{
    model_wire wire = model_wire_inside(&f->onnx.file, node->body);
    model_onnx_attribute attribute;
    bool more = false;
    size_t before = views->count;
    for (;;) {
        MW_TRY(model_onnx_next_attribute(&wire, &attribute, &more, err));
        if (!more)
            break;
        MW_TRY(take_attribute(f, &attribute, views, err));
    }
    return views->count > before ? MW_OK : refuse_text(node, err);
}

static mw_status take_equal(const foreign *f, const model_onnx_node *node, model_list *views,
                            mw_error *err)
{
    size_t before = views->count;
    for (size_t i = 0; i < node->n_inputs; i++) {
        mw_view tensor;
        if (model_onnx_constant_of(&f->onnx, model_onnx_name(&f->onnx, node->input + i), &tensor))
            MW_TRY(foreign_tensor_texts(f, tensor, views, err));
    }
    return views->count > before ? MW_OK : refuse_text(node, err);
}

/* *ret_goes_on: its outputs are texts of the input again. */
static mw_status take_node(const foreign *f, const model_onnx_node *node, model_list *views,
                           bool *ret_goes_on, mw_error *err)
{
    static const char *const moves[] = {"Identity", "Concat", "Reshape",   "Gather", "Squeeze",
                                        "Flatten",  "Split",  "Transpose", "Slice",  "Unsqueeze"};
    static const char *const picks[] = {"ArrayFeatureExtractor"};
    static const char *const encoders[] = {"OneHotEncoder", "LabelEncoder", "CategoryMapper"};
    *ret_goes_on = true;
    if (is_one_of(node, "", moves, MW_COUNT(moves)) ||
        is_one_of(node, "ai.onnx.ml", picks, MW_COUNT(picks)))
        return MW_OK;
    if (model_onnx_is(node, "", "Cast"))
        return check_cast(f, node, err);
    *ret_goes_on = false;
    if (is_one_of(node, "ai.onnx.ml", encoders, MW_COUNT(encoders)))
        return take_encoder(f, node, views, err);
    if (model_onnx_is(node, "", "Equal"))
        return take_equal(f, node, views, err);
    return refuse_text(node, err);
}

static bool takes_one_of(const foreign *f, const model_onnx_node *node, const model_list *names)
{
    const mw_view *known = names->items;
    for (size_t i = 0; i < node->n_inputs; i++)
        for (size_t k = 0; k < names->count; k++)
            if (mw_view_equal(known[k], model_onnx_name(&f->onnx, node->input + i)))
                return true;
    return false;
}

static mw_status add_outputs(const foreign *f, const model_onnx_node *node, model_list *names,
                             mw_error *err)
{
    enum { MOST_TEXTS = 1000 };
    mw_view *added = names->count < MOST_TEXTS ? model_list_add(names, node->n_outputs) : NULL;
    if (!added && node->n_outputs > 0)
        return mw_fail_memory(err, "the texts of a graph");
    for (size_t i = 0; i < node->n_outputs; i++)
        added[i] = model_onnx_name(&f->onnx, node->output + i);
    return MW_OK;
}

/* Nodes stand in the order in which they run, so one pass sees all. */
static mw_status follow(const foreign *f, model_list *names, model_list *views, mw_error *err)
{
    const model_onnx_node *nodes = f->onnx.nodes.items;
    for (size_t i = 0; i < f->onnx.nodes.count; i++) {
        bool goes_on = false;
        if (!takes_one_of(f, &nodes[i], names))
            continue;
        MW_TRY(take_node(f, &nodes[i], views, &goes_on, err));
        if (goes_on)
            MW_TRY(add_outputs(f, &nodes[i], names, err));
    }
    return MW_OK;
}

static void drop_doubles(model_list *views)
{
    enum { MOST_COMPARED = 4096 };
    mw_view *items = views->items;
    size_t kept = 0;
    for (size_t i = 0; i < views->count; i++) {
        bool known = false;
        for (size_t k = 0; k < kept && kept <= MOST_COMPARED && !known; k++)
            known = mw_view_equal(items[k], items[i]);
        if (!known)
            items[kept++] = items[i];
    }
    views->count = kept;
}

mw_status foreign_categories(const foreign *f, mw_view name, model_list *views, mw_error *err)
{
    model_list names = {.item_bytes = sizeof(mw_view)};
    mw_view *first = model_list_add(&names, 1);
    if (!first)
        return mw_fail_memory(err, "the texts of a graph");
    *first = name;
    mw_status status = follow(f, &names, views, err);
    model_list_done(&names);
    drop_doubles(views);
    return status;
}
