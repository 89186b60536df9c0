/* Texts by number: the names of a graph's values, the words of its encoders. */
#include "onnx.h"

void model_onnx_index_init(model_onnx_index *index)
{
    *index = (model_onnx_index){.texts = {.item_bytes = sizeof(mw_view)}};
}

void model_onnx_index_done(model_onnx_index *index)
{
    model_list_done(&index->texts);
    free(index->slots);
    index->slots = NULL;
    index->n_slots = 0;
}

/* FNV-1a; a file that makes all texts collide only costs its reader time, within the limits. */
static size_t hash(mw_view text)
{
    uint64_t sum = mw_fnv_view(MW_FNV_BEGIN, text);
    return (size_t)(sum ^ sum >> 29);
}

/* Where the text is, or the free slot where it would be. */
static size_t slot_of(const model_onnx_index *index, mw_view text)
{
    const mw_view *texts = index->texts.items;
    size_t slot = hash(text) & (index->n_slots - 1);
    while (index->slots[slot] != 0 && !mw_view_equal(texts[index->slots[slot] - 1], text))
        slot = (slot + 1) & (index->n_slots - 1);
    return slot;
}

/* At least half of the slots stay free. */
static bool make_room(model_onnx_index *index)
{
    enum { FIRST_SLOTS = 64 };
    const mw_view *texts = index->texts.items;
    size_t n = index->n_slots > 0 ? 2 * index->n_slots : FIRST_SLOTS;
    if (2 * (index->texts.count + 1) <= index->n_slots)
        return true;
    uint32_t *slots = calloc(n, sizeof *slots);
    if (!slots)
        return false;
    free(index->slots);
    index->slots = slots;
    index->n_slots = n;
    for (size_t i = 0; i < index->texts.count; i++)
        slots[slot_of(index, texts[i])] = (uint32_t)(i + 1);
    return true;
}

uint32_t model_onnx_index_put(model_onnx_index *index, mw_view text)
{
    if (!make_room(index))
        return UINT32_MAX;
    size_t slot = slot_of(index, text);
    if (index->slots[slot] != 0)
        return index->slots[slot] - 1;
    mw_view *added = model_list_add(&index->texts, 1);
    if (!added)
        return UINT32_MAX;
    *added = text;
    index->slots[slot] = (uint32_t)index->texts.count;
    return (uint32_t)(index->texts.count - 1);
}

uint32_t model_onnx_index_find(const model_onnx_index *index, mw_view text)
{
    return index->n_slots == 0 ? UINT32_MAX : index->slots[slot_of(index, text)] - 1;
}
