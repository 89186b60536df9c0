/* The door: files and bytes in, forests out. */
#include "declared.h"
#include "model.h"

#include "catboost.h"
#include "foreign.h"
#include "growth.h"
#include "kind.h"
#include "lightgbm.h"
#include "mlmodel.h"
#include "onnx.h"
#include "read.h"
#include "xgboost.h"

const char *mw_format_name(mw_format format)
{
    switch (format) {
    case MW_FORMAT_XGBOOST_JSON:
        return "xgboost json";
    case MW_FORMAT_XGBOOST_UBJSON:
        return "xgboost ubjson";
    case MW_FORMAT_LIGHTGBM_TEXT:
        return "lightgbm text";
    case MW_FORMAT_LIGHTGBM_JSON:
        return "lightgbm json";
    case MW_FORMAT_CATBOOST_JSON:
        return "catboost json";
    case MW_FORMAT_CATBOOST_BINARY:
        return "catboost binary";
    case MW_FORMAT_ONNX:
        return "onnx";
    case MW_FORMAT_ONNX_GRAPH:
        return "onnx graph";
    }
    return "unknown";
}

/* What the native reader refuses is ONNX Runtime's to compute; damaged files are nobody's. */
static mw_status read_onnx(mw_view bytes, const char *path, unsigned how, mw_forest **ret_forest,
                           mw_error *err)
{
    bool whole = true;
    mw_status status = model_onnx_read(bytes, how, &whole, ret_forest, err);
    if (status != MW_UNSUPPORTED && (status == MW_OK || err->code != MW_E_MODEL_LIMIT))
        return status;
    if (whole)
        return model_foreign_read(bytes, path, ret_forest, err);
    mw_file again;
    MW_TRY(mw_file_read(path, MW_LIMIT_MODEL_FILE_BYTES, &again, err));
    status = model_foreign_read((mw_view){again.data, again.size}, path, ret_forest, err);
    mw_file_done(&again);
    return status;
}

static mw_status read_kind(mw_view bytes, model_kind kind, const char *path, unsigned how,
                           mw_forest **ret_forest, mw_error *err)
{
    switch (kind) {
    case MODEL_KIND_JSON:
        return model_xgb_read(bytes, false, how, ret_forest, err);
    case MODEL_KIND_UBJSON:
        return model_xgb_read(bytes, true, how, ret_forest, err);
    case MODEL_KIND_CATBOOST_JSON:
        return model_cat_read(bytes, how, ret_forest, err);
    case MODEL_KIND_CATBOOST_BINARY:
        return model_cat_read_binary(bytes, how, ret_forest, err);
    case MODEL_KIND_ONNX:
        return read_onnx(bytes, path, how, ret_forest, err);
    case MODEL_KIND_LIGHTGBM_JSON:
        return model_lgb_read_dump(bytes, ret_forest, err);
    case MODEL_KIND_LIGHTGBM:
        break;
    }
    return model_lgb_read(bytes, how, ret_forest, err);
}

mw_status model_read(mw_view bytes, const char *name, const char *path, unsigned how,
                     mw_forest **ret_forest, mw_error *err)
{
    model_kind kind = MODEL_KIND_JSON;
    mw_status status = model_kind_tell(bytes, &kind, err);
    if (status == MW_OK)
        status = read_kind(model_kind_body(bytes), kind, path, how, ret_forest, err);
    if (status == MW_OK)
        return MW_OK;
    bool of_scanner = err->code >= MW_E_JSON_SYNTAX; /* its mend is for those who send JSON */
    if (status == MW_BAD_DATA && (of_scanner || err->mend[0] == '\0'))
        mw_mend(err, "save or copy the model again; this file was cut short or damaged");
    return mw_at(err, "%s", name);
}

mw_status mw_forest_read(mw_view bytes, const char *name, mw_forest **ret_forest, mw_error *err)
{
    mw_error own; /* the readers look into the error they fill */
    return model_read(bytes, name, NULL, 0, ret_forest, err ? err : &own);
}

mw_status model_open_file(const char *path, mw_file *ret_file, mw_error *err)
{
    return mw_file_read_placed(path, MW_LIMIT_MODEL_FILE_BYTES, model_cat_place, ret_file, err);
}

mw_status model_read_file(mw_file *file, const char *path, unsigned how, mw_forest **ret_forest,
                          mw_error *err)
{
    mw_forest *forest;
    if (file->paged_bytes > 0)
        how |= MODEL_SPARE;
    MW_TRY(model_read((mw_view){file->data, file->size}, path, path, how, &forest, err));
    if (forest->holds_file) {
        if (!mw_arena_adopt(&forest->arena, file->pages, file->paged_bytes)) {
            mw_forest_free(forest);
            return mw_fail_memory(err, "a model");
        }
        *file = (mw_file){0};
    }
    *ret_forest = forest;
    return MW_OK;
}

static mw_status load_file(const char *path, mw_forest **ret_forest, mw_error *err)
{
    mw_file file;
    MW_TRY(model_open_file(path, &file, err));
    mw_forest *forest;
    mw_status status = model_read_file(&file, path, 0, &forest, err);
    mw_file_done(&file);
    if (status != MW_OK)
        return status;
    status = model_declared_beside(forest, path, err);
    if (status == MW_OK)
        *ret_forest = forest;
    else
        mw_forest_free(forest);
    return status;
}

mw_status mw_forest_load(const char *path, mw_forest **ret_forest, mw_error *err)
{
    mw_error own;
    mw_error *error = err ? err : &own;
    return mw_file_is_folder(path) ? model_mlmodel_load(path, ret_forest, error)
                                   : load_file(path, ret_forest, error);
}

void mw_forest_free(mw_forest *forest)
{
    if (!forest)
        return;
    if (forest->graph)
        mw_session_close(forest->graph->session);
    model_growth_done(forest->growth);
    /* the arena may hold the forest's own texts, never the forest itself */
    mw_arena_done(&forest->arena);
    free(forest);
}

size_t mw_forest_memory_bytes(const mw_forest *forest)
{
    /* a session holds the numbers of its model; what else it takes is not known here */
    size_t session_bytes = forest->graph ? forest->file_bytes : 0;
    return sizeof *forest + mw_arena_held_bytes(&forest->arena) + session_bytes +
           model_growth_bytes(forest->growth);
}

const char *mw_forest_cannot(const mw_forest *forest)
{
    return forest->cannot;
}
