/* The encoder that XGBoost 3.1+ keeps for categories of data frames: value -> code.
 *
 *     cats.enc: one entry a feature
 *       {"offsets": [0,1,3], "values": [97, -61, -87]}   texts: bytes 0..1 and 1..3, as int8
 *       {"type": 15, "values": [5, 6, 7]}                numbers
 *       {"offsets": [], "values": []}                    none
 *
 * The numbers' type is not needed: their text is the shortest form either way.
 *
 * XGBoost 3.2 counts characters, not bytes, when it takes texts from pandas: it saves "b\u00e9" and
 * "c" as "b\xc3" and "\xa9", and some lists come out as other, well-formed texts. So texts beyond
 * ASCII are not believed: such a feature takes codes only, and mw_forest_cannot says so. */
#include "xgboost.h"

enum category_key { KEY_OFFSETS, KEY_TYPE, KEY_VALUES };
static const char *const category_keys[] = {"offsets", "values"};

typedef struct encoder {
    model_list offsets; /* int64_t */
    model_list numbers; /* double: values of texts are bytes */
    bool has_offsets;
} encoder;

static mw_status read_numbers(model_document *doc, model_list *numbers, mw_error *err)
{
    bool more = false;
    numbers->count = 0;
    MW_TRY(model_document_array_begin(doc, err));
    for (;;) {
        MW_TRY(model_document_array_next(doc, &more, err));
        if (!more)
            return MW_OK;
        double *value = model_list_add(numbers, 1);
        if (!value)
            return mw_fail_memory(err, "categories");
        MW_TRY(model_document_number(doc, value, err));
    }
}

static mw_status read_encoder(model_document *doc, encoder *enc, mw_error *err)
{
    uint32_t seen = 0;
    size_t key = 0;
    bool more = false;
    enc->offsets.count = enc->numbers.count = 0;
    MW_TRY(model_document_object_begin(doc, err));
    for (;;) {
        MW_TRY(model_document_key(doc, category_keys, MW_COUNT(category_keys), &seen, &key, &more,
                                  err));
        if (!more)
            break;
        if (key == KEY_OFFSETS)
            MW_TRY(model_document_integers(doc, &enc->offsets, err));
        else
            MW_TRY(read_numbers(doc, &enc->numbers, err));
    }
    enc->has_offsets = seen & 1u << KEY_OFFSETS;
    return MW_OK;
}

static mw_status damaged(const char *what, mw_error *err)
{
    mw_fail(err, MW_E_TREE_CATEGORY, "%s", what);
    return mw_mend(err, "save the model again; this file was damaged or edited by hand");
}

static bool is_ascii(const encoder *enc)
{
    const double *byte = enc->numbers.items;
    size_t i = 0;
    while (i < enc->numbers.count && byte[i] >= 0 && byte[i] < 128)
        i++;
    return i == enc->numbers.count;
}

/* Bytes of all texts in one piece; the texts are views into it. */
static mw_status take_texts(const encoder *enc, mw_arena *arena, mw_view *texts, size_t count,
                            mw_error *err)
{
    const int64_t *offsets = enc->offsets.items;
    const double *from = enc->numbers.items;
    int64_t size = (int64_t)enc->numbers.count;
    char *bytes = mw_arena_take(arena, enc->numbers.count);
    if (!bytes)
        return mw_fail_memory(err, "categories");
    for (size_t i = 0; i < enc->numbers.count; i++) {
        bytes[i] = (char)(int)from[i];
    }
    for (size_t i = 0; i < count; i++) {
        if (offsets[i] < 0 || offsets[i + 1] < offsets[i] || offsets[i + 1] > size)
            return damaged("offsets of categories do not ascend inside their bytes", err);
        texts[i] = (mw_view){bytes + offsets[i], (size_t)(offsets[i + 1] - offsets[i])};
    }
    return MW_OK;
}

static mw_status take_numbers(const encoder *enc, mw_arena *arena, mw_view *texts, mw_error *err)
{
    const double *from = enc->numbers.items;
    size_t count = enc->numbers.count;
    char *text = mw_arena_take_zeroed(arena, count, MW_NUMBER_TEXT_BYTES);
    if (!text)
        return mw_fail_memory(err, "categories");
    for (size_t i = 0; i < count; i++, text += MW_NUMBER_TEXT_BYTES)
        texts[i] = (mw_view){text, mw_number_write_double(text, from[i], false)};
    return MW_OK;
}

static mw_status keep_categories(const encoder *enc, mw_arena *arena, model_xgb_categories *ret,
                                 mw_error *err)
{
    size_t count =
        enc->has_offsets ? enc->offsets.count - (enc->offsets.count > 0) : enc->numbers.count;
    *ret = (model_xgb_categories){.damaged = enc->has_offsets && !is_ascii(enc)};
    if (count == 0 || ret->damaged)
        return MW_OK;
    mw_view *texts = mw_arena_take_zeroed(arena, count, sizeof *texts);
    if (!texts)
        return mw_fail_memory(err, "categories");
    MW_TRY(enc->has_offsets ? take_texts(enc, arena, texts, count, err)
                            : take_numbers(enc, arena, texts, err));
    *ret = (model_xgb_categories){texts, count, !enc->has_offsets, false};
    return MW_OK;
}

static mw_status read_encoders(model_document *doc, encoder *enc, model_list *ret_categories,
                               mw_error *err)
{
    bool more = false;
    MW_TRY(model_document_array_begin(doc, err));
    for (;;) {
        MW_TRY(model_document_array_next(doc, &more, err));
        if (!more)
            return MW_OK;
        model_xgb_categories *one = model_list_add(ret_categories, 1);
        if (!one)
            return mw_fail_memory(err, "categories");
        mw_status status = read_encoder(doc, enc, err);
        if (status == MW_OK)
            status = keep_categories(enc, doc->arena, one, err);
        if (status != MW_OK)
            return mw_at(err, "enc[%zu]", ret_categories->count - 1);
    }
}

mw_status model_xgb_read_categories(model_document *doc, model_list *ret_categories, mw_error *err)
{
    static const char *const names[] = {"enc"};
    encoder enc = {.offsets.item_bytes = sizeof(int64_t), .numbers.item_bytes = sizeof(double)};
    uint32_t seen = 0;
    size_t key = 0;
    bool more = true;
    mw_status status = model_document_object_begin(doc, err);
    while (status == MW_OK && more) {
        status = model_document_key(doc, names, MW_COUNT(names), &seen, &key, &more, err);
        if (status == MW_OK && more)
            status = read_encoders(doc, &enc, ret_categories, err);
    }
    model_list_done(&enc.offsets);
    model_list_done(&enc.numbers);
    return status;
}
