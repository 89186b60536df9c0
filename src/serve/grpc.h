/* gRPC's side of serve: one handler a call, protobuf in and out; room-private.
 *
 *     exchange (one message) --> grpc.c: path --> handler --> reply (one message), or an error
 *
 * Field numbers: grpc_service.proto and model_config.proto of the Triton Inference Server, of which
 * the Open Inference Protocol's are the first; health.proto of gRPC. */
#ifndef SERVE_GRPC_H
#define SERVE_GRPC_H

#include "oip_request.h"

/* What fields 1 and 2 say, where they are texts or messages: name and version of a model, key and
 * value of a map's entry. */
MW_CHECKED mw_status grpc_read_texts(mw_view message, mw_view ret_texts[2], mw_error *err);
/* A message that does not follow the format. */
mw_status grpc_fail_message(mw_error *err);
/* ModelInferRequest: all inputs become binary tensors, in the message or the arena. */
MW_CHECKED mw_status grpc_read_request(mw_view message, mw_arena *arena, oip_request *ret_request,
                                       mw_error *err);
/* 200 with what stands in the reply. */
void grpc_reply(mw_exchange *exchange);

mw_serve_handler grpc_infer;         /* ModelInfer */
mw_serve_handler grpc_infer_stream;  /* ModelStreamInfer, each of its messages */
mw_serve_handler grpc_model;         /* ModelMetadata */
mw_serve_handler grpc_model_ready;   /* ModelReady */
mw_serve_handler grpc_config;        /* ModelConfig */
mw_serve_handler grpc_stats;         /* ModelStatistics */
mw_serve_handler grpc_index;         /* RepositoryIndex */
mw_serve_handler grpc_load;          /* RepositoryModelLoad */
mw_serve_handler grpc_unload;        /* RepositoryModelUnload */
mw_serve_handler grpc_log_settings;  /* LogSettings */
mw_serve_handler grpc_trace_setting; /* TraceSetting */
mw_serve_handler grpc_memory_status; /* SystemSharedMemoryStatus, Register, Unregister */
mw_serve_handler grpc_memory_register;
mw_serve_handler grpc_memory_unregister;
mw_serve_handler grpc_health_check; /* of grpc.health.v1.Health: Check, List, Watch */
mw_serve_handler grpc_health_list;
mw_serve_handler grpc_health_watch;
mw_serve_handler grpc_reflect; /* ServerReflectionInfo, each of its messages */

#endif
