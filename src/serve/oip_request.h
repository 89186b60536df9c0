/* An infer request of the Open Inference Protocol, read but not yet turned into rows. */
#ifndef SERVE_OIP_REQUEST_H
#define SERVE_OIP_REQUEST_H

#include "oip_datatype.h"
#include "call.h"
#include "memory.h"

enum { OIP_MAX_DIMENSIONS = 8, OIP_MAX_OUTPUTS = 16 };

typedef struct oip_tensor {
    mw_view name, datatype_name;
    oip_datatype datatype;
    int64_t shape[OIP_MAX_DIMENSIONS];
    size_t n_dimensions;
    size_t n_elements; /* product of the shape */
    mw_view data;      /* JSON text of "data"; empty when the tensor is binary */
    bool is_binary, has_name, has_datatype, has_shape, has_data, has_parameters;
    size_t binary_bytes; /* binary_data_size */
    const char *binary;  /* its bytes, behind the JSON */
    serve_place place;   /* where they lie instead: `binary` is set by oip_fetch (oip_memory.h) */
} oip_tensor;

typedef struct oip_output {
    mw_view name;
    bool binary;            /* wanted as bytes */
    bool says_binary;       /* binary_data was given */
    int64_t classification; /* top-n wanted; 0 = values */
    serve_place place;      /* where it is to be written instead of into the answer */
} oip_output;

typedef struct oip_request {
    mw_view id_text;     /* JSON text of "id", empty when not given */
    bool binary_output;  /* parameters.binary_data_output */
    bool explain;        /* parameters.explain */
    bool anomaly;        /* parameters.anomaly */
    uint64_t timeout_us; /* parameters.timeout: so long the client waits; 0 = not said */
    oip_tensor *inputs;
    size_t n_inputs, inputs_capacity;
    oip_output *outputs; /* room for OIP_MAX_OUTPUTS once there is one: most ask for none */
    size_t n_outputs;
    bool has_inputs;
} oip_request;

/* Reads the JSON part and lays out the binary tensors behind it; those in shared memory are left to
 * oip_fetch. `json_bytes` is the length of the
 * JSON part: Inference-Header-Content-Length, or the body's. Everything is borrowed from body and
 * arena. */
MW_CHECKED mw_status oip_read_request(mw_view body, size_t json_bytes, mw_arena *arena,
                                      oip_request *ret_request, mw_error *err);

/* What every form of a request says of a tensor: its datatype, and its shape, size by size from
 * n_elements = 1. Fail: MW_E_OIP_REQUEST. */
MW_CHECKED mw_status oip_set_datatype(oip_tensor *tensor, mw_view name, mw_error *err);
MW_CHECKED mw_status oip_add_size(oip_tensor *tensor, int64_t size, mw_error *err);
/* The bytes of a binary tensor must be those that its shape and datatype need. */
MW_CHECKED mw_status oip_check_binary(const oip_tensor *tensor, mw_error *err);

/* The tensors as rows: one [n, features] tensor, or one tensor [n] or [n, 1] for each column, or
 * one for each input of `graph` (NULL: the model is none), in its shape. They stand in the arena,
 * or, where a binary tensor holds them as predictors take them, in the body. */
MW_CHECKED mw_status oip_read_rows(const oip_request *request, const mw_schema *schema,
                                   const mw_graph *graph, mw_arena *arena, mw_matrix *ret_rows,
                                   mw_error *err);

#endif
