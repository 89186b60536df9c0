/* Telling a file by its first bytes. Formats that are not read have a row in the table below, so
 * that the answer is never just "unknown". */
#include "kind.h"

#include "names.h"

#define SAVE_AS_JSON                                                       \
    "save the model with booster.save_model('model.json') in XGBoost, or " \
    "booster.save_model('model.txt') in LightGBM"
#define GIVE_A_MODEL                                                                       \
    "give an XGBoost model (JSON or UBJSON), a LightGBM model (text or JSON), a CatBoost " \
    "model (JSON or .cbm), an ONNX model of trees, or an MLflow model folder"
#define FROM_R \
    "save the model in R with xgb.save(model, 'model.json') or lgb.save(model, 'model.txt')"
#define NO_PICKLE "loading one runs the code inside it, and Millwright never runs a model's code"

typedef struct foreign_kind {
    mw_view begins; /* bytes the file begins with */
    mw_code code;
    const char *what, *why, *mend;
} foreign_kind;

static const foreign_kind foreign_kinds[] = {
    {MW_VIEW("\x80\x02"), MW_E_MODEL_PICKLE, "this is a pickle", NO_PICKLE, SAVE_AS_JSON},
    {MW_VIEW("\x80\x03"), MW_E_MODEL_PICKLE, "this is a pickle", NO_PICKLE, SAVE_AS_JSON},
    {MW_VIEW("\x80\x04"), MW_E_MODEL_PICKLE, "this is a pickle", NO_PICKLE, SAVE_AS_JSON},
    {MW_VIEW("\x80\x05"), MW_E_MODEL_PICKLE, "this is a pickle", NO_PICKLE, SAVE_AS_JSON},
    {MW_VIEW("ccopy_reg"), MW_E_MODEL_PICKLE, "this is a pickle", NO_PICKLE, SAVE_AS_JSON},
    {MW_VIEW("PK\x03\x04"), MW_E_MODEL_PICKLE, "this is a zip archive",
     "skops, PyTorch, Keras and NumPy files are such archives, some with pickles inside",
     "unpack it when the model lies inside as a file; otherwise " SAVE_AS_JSON},
    {MW_VIEW("\x1f\x8b"), MW_E_MODEL_FORMAT, "this file is compressed (gzip)",
     "a compressed joblib file is a pickle, which is never read",
     "unpack it first when a model file lies inside: gunzip model.json.gz; an .rds file of R is "
     "none: use xgb.save or lgb.save there"},
    {MW_VIEW("BZh"), MW_E_MODEL_FORMAT, "this file is compressed (bzip2)", "",
     "unpack it first: bunzip2 model.json.bz2"},
    {MW_VIEW("\xfd"
             "7zXZ"),
     MW_E_MODEL_FORMAT, "this file is compressed (xz)", "", "unpack it first: unxz model.json.xz"},
    {MW_VIEW("\x28\xb5\x2f\xfd"), MW_E_MODEL_FORMAT, "this file is compressed (zstd)", "",
     "unpack it first: unzstd model.json.zst"},
    {MW_VIEW("x\x9c"), MW_E_MODEL_PICKLE, "this is a compressed joblib file, that is, a pickle",
     NO_PICKLE, SAVE_AS_JSON},
    {MW_VIEW("RDX2\n"), MW_E_MODEL_PICKLE, "this is a workspace of R (.RData)", NO_PICKLE, FROM_R},
    {MW_VIEW("RDX3\n"), MW_E_MODEL_PICKLE, "this is a workspace of R (.RData)", NO_PICKLE, FROM_R},
    {MW_VIEW("X\n\0\0\0"), MW_E_MODEL_PICKLE, "this is an object of R (.rds)", NO_PICKLE, FROM_R},
    {MW_VIEW("______LightGBM_Binary_File_Token______"), MW_E_MODEL_KIND,
     "this is a dataset of LightGBM (save_binary), not a model", "it holds the rows of a training",
     "save the model with booster.save_model('model.txt')"},
    {MW_VIEW("binf"), MW_E_MODEL_OLD_BINARY, "this is XGBoost's old binary format", "",
     "load it with XGBoost 2.x or older and save it with booster.save_model('model.json')"},
    {MW_VIEW("bs64"), MW_E_MODEL_OLD_BINARY, "this is XGBoost's old binary format", "",
     "load it with XGBoost 2.x or older and save it with booster.save_model('model.json')"},
    {MW_VIEW("booster["), MW_E_MODEL_DUMP, "this is XGBoost's dump_model() output, not a model", "",
     "save the model with booster.save_model('model.json')"},
    {MW_VIEW("\x89HDF"), MW_E_MODEL_FORMAT, "this is an HDF5 file; neural networks are not read",
     "", "Millwright reads XGBoost, LightGBM and ONNX tree models"},
    {MW_VIEW("\x93NUMPY"), MW_E_MODEL_KIND, "this is a NumPy array, not a model", "",
     "give the path of a model file"},
    {MW_VIEW("\x7f"
             "ELF"),
     MW_E_MODEL_KIND, "this is a program, not a model",
     "a compiled model (treelite, lleaves) is code, and Millwright never runs a model's code",
     SAVE_AS_JSON},
    {MW_VIEW("version https://git-lfs"), MW_E_MODEL_KIND,
     "this is a Git LFS pointer, not the model itself", "the file's content was not fetched",
     "run: git lfs pull"},
    {MW_VIEW("<?xml"), MW_E_MODEL_FORMAT, "this is XML; PMML models are not read", "",
     SAVE_AS_JSON},
    {MW_VIEW("<PMML"), MW_E_MODEL_FORMAT, "PMML models are not read", "", SAVE_AS_JSON},
    {MW_VIEW("<"), MW_E_MODEL_KIND, "this is HTML or XML, not a model",
     "a download that needs a login often gives a web page instead of the file",
     "fetch the model file again, and look into it"},
};

static mw_status fail_foreign(const foreign_kind *kind, mw_error *err)
{
    mw_fail(err, kind->code, "%s", kind->what);
    if (kind->why[0])
        mw_why(err, "%s", kind->why);
    return mw_mend(err, "%s", kind->mend);
}

static const foreign_kind *find_foreign(mw_view bytes)
{
    for (size_t i = 0; i < MW_COUNT(foreign_kinds); i++) {
        mw_view begins = foreign_kinds[i].begins;
        if (bytes.size >= begins.size && memcmp(bytes.data, begins.data, begins.size) == 0)
            return &foreign_kinds[i];
    }
    return NULL;
}

enum { LOOK_BYTES = 4096 };

static bool has_text(mw_view bytes, const char *text)
{
    size_t size = bytes.size < LOOK_BYTES ? bytes.size : LOOK_BYTES;
    return memmem(bytes.data, size, text, strlen(text)) != NULL;
}

static bool has_control_bytes(mw_view bytes)
{
    size_t size = bytes.size < LOOK_BYTES ? bytes.size : LOOK_BYTES;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f')
            return true;
    }
    return false;
}

/* CoreML is protobuf as ONNX is: a version, then a description (field 2), which begins with the
 * description of an input (field 1). In ONNX field 2 is the name of the producer. */
static bool is_coreml(mw_view bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.data;
    size_t behind = 3; /* 08 version 12, then the length: one to five bytes */
    if (bytes.size < 16 || at[0] != 0x08 || at[1] >= 0x40 || at[2] != 0x12)
        return false;
    while (behind < 8 && at[behind] & 0x80)
        behind++;
    return at[behind + 1] == 0x0a;
}

static mw_status fail_coreml(mw_error *err)
{
    mw_fail(err, MW_E_MODEL_FORMAT, "this is a CoreML model, which is not read");
    return mw_mend(err, "save the model in its library's own format, or as ONNX");
}

/* No magic number at the start: told by words inside. */
static mw_status tell_binary(mw_view bytes, mw_error *err)
{
    if (has_text(bytes, "gbtree") || has_text(bytes, "gblinear") || has_text(bytes, "dart")) {
        mw_fail(err, MW_E_MODEL_OLD_BINARY, "this looks like XGBoost's old binary format");
        return mw_mend(err, "load it with XGBoost 2.x or older and save it with "
                            "booster.save_model('model.json')");
    }
    mw_fail(err, MW_E_MODEL_KIND, "this is not a model file that Millwright knows");
    return mw_mend(err, GIVE_A_MODEL);
}

static mw_status tell_text(mw_view bytes, mw_error *err)
{
    if (has_text(bytes, "\nflavors:") || mw_view_starts(bytes, "flavors:")) {
        mw_fail(err, MW_E_MODEL_KIND, "this is the MLmodel file of an MLflow model, not the model");
        return mw_mend(err, "give the path of its folder");
    }
    if (has_text(bytes, "CatboostModel") || has_text(bytes, "class catboost_model")) {
        mw_fail(err, MW_E_MODEL_FORMAT, "this is a CatBoost model written out as a program");
        mw_why(err, "Millwright never runs a model's code");
        return mw_mend(err, "save the model with model.save_model('model.cbm')");
    }
    if (bytes.data[0] == '[' && has_text(bytes, "\"nodeid\"")) {
        mw_fail(err, MW_E_MODEL_DUMP, "this is XGBoost's dump_model() output, not a model");
        return mw_mend(err, "save the model with booster.save_model('model.json')");
    }
    if (mw_view_starts(bytes, "Tree=") || mw_view_starts(bytes, "version=")) {
        mw_fail(err, MW_E_MODEL_CUT_SHORT, "this is a part of a LightGBM model without its start");
        return mw_mend(err, "save the model again with booster.save_model('model.txt')");
    }
    mw_fail(err, MW_E_MODEL_KIND, "this is text, but not a model");
    return mw_mend(err, GIVE_A_MODEL);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* JSON goes on with a quote or '}', UBJSON with the length marker of a key. */
static bool object_is_binary(mw_view bytes)
{
    return bytes.size > 1 && memchr("LlIiU", bytes.data[1], 5) != NULL;
}

/* The first top-level key that only one library writes; XGBoost's is "learner", nearly always the
 * first of all. A document without such a key, or damaged before it, is the XGBoost reader's to
 * refuse. */
static model_kind tell_json(mw_view bytes)
{
    static const struct {
        const char *key;
        model_kind kind;
    } telling[] = {
        {"learner", MODEL_KIND_JSON},
        {"features_info", MODEL_KIND_CATBOOST_JSON},
        {"model_info", MODEL_KIND_CATBOOST_JSON},
        {"oblivious_trees", MODEL_KIND_CATBOOST_JSON},
        {"ctr_data", MODEL_KIND_CATBOOST_JSON},
        {"tree_info", MODEL_KIND_LIGHTGBM_JSON},
        {"average_output", MODEL_KIND_LIGHTGBM_JSON},
        {"num_tree_per_iteration", MODEL_KIND_LIGHTGBM_JSON},
        {"feature_infos", MODEL_KIND_LIGHTGBM_JSON},
    };
    mw_scan scan;
    mw_view key;
    bool more = true;
    mw_scan_init(&scan, bytes);
    scan.allow_nan = true;
    mw_status status = mw_scan_object_begin(&scan, NULL);
    while (status == MW_OK && more) {
        status = mw_scan_object_next(&scan, NULL, &key, &more, NULL);
        for (size_t i = 0; status == MW_OK && more && i < MW_COUNT(telling); i++)
            if (mw_view_is(key, telling[i].key))
                return telling[i].kind;
        if (status == MW_OK && more)
            status = mw_scan_skip(&scan, NULL, NULL);
    }
    return MODEL_KIND_JSON;
}

/* A ModelProto has no magic number: its first field is ir_version (1: a varint), and the next one
 * a field that a model has: producer_name and so on (2 to 8), metadata (14). */
static bool is_onnx(mw_view bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.data;
    if (bytes.size < 3 || at[0] != 0x08 || at[1] == 0 || at[1] >= 0x40)
        return false;
    return memchr("\x12\x1a\x22\x28\x32\x3a\x42\x72", at[2], 8) != NULL;
}

static bool is_lightgbm(mw_view bytes)
{
    return mw_view_starts(bytes, "tree\n") || mw_view_starts(bytes, "tree\r\n");
}

mw_view model_kind_body(mw_view bytes)
{
    mw_view rest = bytes;
    if (mw_view_starts(rest, "\xef\xbb\xbf"))
        rest = (mw_view){rest.data + 3, rest.size - 3};
    while (rest.size > 0 && is_blank(rest.data[0]))
        rest = (mw_view){rest.data + 1, rest.size - 1};
    return rest;
}

mw_status model_kind_tell(mw_view bytes, model_kind *ret_kind, mw_error *err)
{
    mw_view rest = model_kind_body(bytes);
    if (rest.size == 0) {
        mw_fail(err, MW_E_MODEL_EMPTY, "the file is empty");
        return mw_mend(err, "save or copy the model again");
    }
    const foreign_kind *foreign = find_foreign(rest);
    if (foreign)
        return fail_foreign(foreign, err);
    if (rest.data[0] == '{') {
        *ret_kind = object_is_binary(rest) ? MODEL_KIND_UBJSON : tell_json(rest);
        return MW_OK;
    }
    if (mw_view_starts(rest, "CBM1")) {
        *ret_kind = MODEL_KIND_CATBOOST_BINARY;
        return MW_OK;
    }
    if (is_lightgbm(rest)) {
        *ret_kind = MODEL_KIND_LIGHTGBM;
        return MW_OK;
    }
    if (is_coreml(rest))
        return fail_coreml(err);
    if (is_onnx(rest)) {
        *ret_kind = MODEL_KIND_ONNX;
        return MW_OK;
    }
    return has_control_bytes(bytes) ? tell_binary(bytes, err) : tell_text(rest, err);
}
