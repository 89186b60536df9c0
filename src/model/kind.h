/* kind: what a file is, told from its content. */
#ifndef MODEL_KIND_H
#define MODEL_KIND_H

#include "build.h"

typedef enum model_kind {
    MODEL_KIND_JSON,   /* an object: XGBoost, or a foreign one that its reader names */
    MODEL_KIND_UBJSON, /* XGBoost */
    MODEL_KIND_LIGHTGBM,
    MODEL_KIND_LIGHTGBM_JSON,
    MODEL_KIND_CATBOOST_JSON,
    MODEL_KIND_CATBOOST_BINARY,
    MODEL_KIND_ONNX
} model_kind;

/* Fails: MW_BAD_DATA for what is no model, MW_UNSUPPORTED for models that are not read; the error
 * says what the file is and how to get one that is read. */
MW_CHECKED mw_status model_kind_tell(mw_view bytes, model_kind *ret_kind, mw_error *err);
/* The content without a byte-order mark and leading white space. */
mw_view model_kind_body(mw_view bytes);

#endif
