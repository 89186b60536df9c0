/* What is used of ONNX Runtime's C interface, in our own words.
 *
 * The library exports OrtGetApiBase(); that gives a table of function pointers whose order is fixed
 * and which only grows at its end. Each row below is one of them: its place in the table, and its
 * type. All are there from version 18 of the interface (ONNX Runtime 1.18) on; an older library
 * gives no table of that version.
 *
 * Functions that can fail return a status, NULL for success, which the caller frees.
 * Source: https://onnxruntime.ai/docs/api/c/ */
#ifndef RUNTIME_API_H
#define RUNTIME_API_H

#include "runtime.h"

enum { RUNTIME_API_VERSION = 18 };

typedef struct ort_status ort_status;
typedef struct ort_env ort_env;
typedef struct ort_options ort_options;
typedef struct ort_session ort_session;
typedef struct ort_value ort_value;
typedef struct ort_type ort_type;
typedef struct ort_shape ort_shape;
typedef struct ort_memory ort_memory;
typedef struct ort_allocator ort_allocator;
typedef void ort_log(void *user, int severity, const char *category, const char *id,
                     const char *place, const char *message);

/* place, name, what it returns, what it takes */
#define RUNTIME_FUNCTIONS(F)                                                                   \
    F(2, get_error_message, const char *, (const ort_status *))                                \
    F(4, create_env_with_log, ort_status *,                                                    \
      (ort_log *, void *user, int level, const char *id, ort_env **))                          \
    F(6, disable_telemetry, ort_status *, (const ort_env *))                                   \
    F(8, create_session, ort_status *,                                                         \
      (const ort_env *, const void *model, size_t bytes, const ort_options *, ort_session **)) \
    F(9, run, ort_status *,                                                                    \
      (ort_session *, const void *options, const char *const *input_names,                     \
       const ort_value *const *inputs, size_t n_inputs, const char *const *output_names,       \
       size_t n_outputs, ort_value **outputs))                                                 \
    F(10, create_options, ort_status *, (ort_options **))                                      \
    F(24, set_intra_threads, ort_status *, (ort_options *, int))                               \
    F(25, set_inter_threads, ort_status *, (ort_options *, int))                               \
    F(30, input_count, ort_status *, (const ort_session *, size_t *))                          \
    F(31, output_count, ort_status *, (const ort_session *, size_t *))                         \
    F(33, input_type, ort_status *, (const ort_session *, size_t, ort_type **))                \
    F(34, output_type, ort_status *, (const ort_session *, size_t, ort_type **))               \
    F(36, input_name, ort_status *, (const ort_session *, size_t, ort_allocator *, char **))   \
    F(37, output_name, ort_status *, (const ort_session *, size_t, ort_allocator *, char **))  \
    F(48, create_tensor, ort_status *,                                                         \
      (ort_allocator *, const int64_t *dims, size_t rank, int element, ort_value **))          \
    F(49, wrap_tensor, ort_status *,                                                           \
      (const ort_memory *, void *data, size_t bytes, const int64_t *dims, size_t rank,         \
       int element, ort_value **))                                                             \
    F(51, tensor_data, ort_status *, (ort_value *, void **))                                   \
    F(52, fill_texts, ort_status *, (ort_value *, const char *const *texts, size_t count))     \
    F(53, text_bytes, ort_status *, (const ort_value *, size_t *))                             \
    F(54, text_content, ort_status *,                                                          \
      (const ort_value *, void *text, size_t bytes, size_t *offsets, size_t count))            \
    F(55, type_as_tensor, ort_status *, (const ort_type *, const ort_shape **))                \
    F(60, shape_element, ort_status *, (const ort_shape *, int *))                             \
    F(61, shape_rank, ort_status *, (const ort_shape *, size_t *))                             \
    F(62, shape_dims, ort_status *, (const ort_shape *, int64_t *, size_t))                    \
    F(64, shape_count, ort_status *, (const ort_shape *, size_t *))                            \
    F(65, value_shape, ort_status *, (const ort_value *, ort_shape **))                        \
    F(69, create_memory, ort_status *, (int allocator_kind, int memory_kind, ort_memory **))   \
    F(76, allocator_free, ort_status *, (ort_allocator *, void *))                             \
    F(78, default_allocator, ort_status *, (ort_allocator **))                                 \
    F(92, release_env, void, (ort_env *))                                                      \
    F(93, release_status, void, (ort_status *))                                                \
    F(94, release_memory, void, (ort_memory *))                                                \
    F(95, release_session, void, (ort_session *))                                              \
    F(96, release_value, void, (ort_value *))                                                  \
    F(98, release_type, void, (ort_type *))                                                    \
    F(99, release_shape, void, (ort_shape *))                                                  \
    F(100, release_options, void, (ort_options *))                                             \
    F(130, set_entry, ort_status *, (ort_options *, const char *key, const char *value))       \
    F(279, add_files, ort_status *,                                                            \
      (ort_options *, const char *const *names, char *const *contents, const size_t *bytes,    \
       size_t count))

/* The functions by their names, copied out of the table. */
typedef struct runtime_api {
#define RUNTIME_MEMBER(place, name, result, arguments) result(*name) arguments;
    RUNTIME_FUNCTIONS(RUNTIME_MEMBER)
#undef RUNTIME_MEMBER
    ort_env *env;
    ort_memory *memory;       /* "on the processor's heap", for tensors that wrap ours */
    ort_allocator *allocator; /* its own; never freed */
} runtime_api;

/* The loaded library; NULL before mw_runtime_load. */
const runtime_api *runtime_loaded(void);

/* A failed call becomes an error with ONNX Runtime's words; frees the status. */
MW_CHECKED mw_status runtime_check(ort_status *status, mw_code code, const char *what,
                                   mw_error *err);

#endif
