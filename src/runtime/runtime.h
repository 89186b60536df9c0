/* runtime: ONNX Runtime, found where it is installed and loaded when a model first needs it.
 *
 *     mw_runtime_use (option) --> mw_session_open --> mw_session_run, again and again
 *
 * The library is never linked. What of its C interface is used stands in api.h. */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H

#include "base/base.h"

/* Where the library is: its file or the folder of it; "off" for never. Borrowed for ever; NULL: the
 * environment MW_ONNXRUNTIME says so, or else the usual places are looked through. Call it before
 * the first model is loaded. */
void mw_runtime_use(const char *path);

/* Load the library, once a process. *ret_version: "1.32.0", borrowed for ever.
 * Fails: MW_E_RUNTIME_ABSENT (nowhere, or "off"), MW_E_RUNTIME_LIBRARY (what was named cannot be
 * loaded, or is too old). Failures are not remembered. Any thread. */
MW_CHECKED mw_status mw_runtime_load(const char **ret_version, mw_error *err);

/* Element types, numbered as ONNX does. */
typedef enum mw_element {
    MW_ELEMENT_NONE = 0, /* no tensor: a sequence, a map */
    MW_ELEMENT_FLOAT32 = 1,
    MW_ELEMENT_UINT8 = 2,
    MW_ELEMENT_INT8 = 3,
    MW_ELEMENT_UINT16 = 4,
    MW_ELEMENT_INT16 = 5,
    MW_ELEMENT_INT32 = 6,
    MW_ELEMENT_INT64 = 7,
    MW_ELEMENT_TEXT = 8,
    MW_ELEMENT_BOOL = 9,
    MW_ELEMENT_FLOAT16 = 10,
    MW_ELEMENT_FLOAT64 = 11,
    MW_ELEMENT_UINT32 = 12,
    MW_ELEMENT_UINT64 = 13,
    MW_ELEMENT_BFLOAT16 = 16
} mw_element;

/* Bytes of one; 0 for texts and for types that are not used here. */
size_t mw_element_bytes(mw_element element);
/* "float32"; "unknown" for types that are not used here. */
const char *mw_element_name(mw_element element);
/* The number at `at`. Not for texts. */
double mw_element_read(mw_element element, const void *at);
/* Write a number; false when the type does not hold it (a missing value or a fraction where whole
 * numbers are, one beyond the range). Floating-point types round. Not for texts. */
bool mw_element_write(mw_element element, double value, void *at);

enum { MW_TENSOR_RANK = 8 };

/* What an input or output of a session is. */
typedef struct mw_tensor_type {
    const char *name; /* NUL-ended */
    mw_element element;
    size_t rank;                  /* beyond MW_TENSOR_RANK: dims hold only the first of them */
    int64_t dims[MW_TENSOR_RANK]; /* -1: open */
} mw_tensor_type;

/* Numbers or texts on their way in or out. */
typedef struct mw_tensor {
    mw_element element;
    size_t rank;
    int64_t dims[MW_TENSOR_RANK];
    size_t count;             /* of elements */
    void *data;               /* numbers, row-major */
    const char *const *texts; /* instead, for MW_ELEMENT_TEXT on the way in: NUL-ended */
    const mw_view *views;     /* the same on the way out */
} mw_tensor;

/* A file beside the model with numbers of it. */
typedef struct mw_session_file {
    const char *name; /* as the model names it */
    mw_view content;
} mw_session_file;

typedef struct mw_session mw_session;

/* Make a model ready. Everything given is borrowed for the call.
 * Fails: as mw_runtime_load; MW_E_RUNTIME_MODEL with ONNX Runtime's own words; MW_NO_MEMORY. */
MW_CHECKED mw_status mw_session_open(mw_view model, const mw_session_file *files, size_t n_files,
                                     mw_session **ret_session, mw_error *err);
void mw_session_close(mw_session *session);
const mw_tensor_type *mw_session_inputs(const mw_session *session, size_t *ret_count);
const mw_tensor_type *mw_session_outputs(const mw_session *session, size_t *ret_count);

/* Sees one output: number i of those that were asked for. Borrowed for the call. */
typedef mw_status mw_session_see(void *user, size_t i, const mw_tensor *tensor, mw_error *err);

/* Compute. `inputs`: one for each input, borrowed. `wanted`: indexes of outputs, which `see` is
 * shown in this order. Any number of threads at a time.
 * Fails: MW_E_RUNTIME_RUN with ONNX Runtime's own words; what `see` fails with; MW_NO_MEMORY. */
MW_CHECKED mw_status mw_session_run(const mw_session *session, const mw_tensor *inputs,
                                    const size_t *wanted, size_t n_wanted, mw_session_see *see,
                                    void *user, mw_error *err);

#endif
