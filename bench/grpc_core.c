/* The least server on the gRPC C core: one method, a fixed answer. What bench/grpc.py holds our own
 * server against; not part of the program (libgrpc-dev).
 *
 *     grpc_core METHOD ANSWER_BYTES    prints its port
 *
 * One thread, one completion queue, the request's message read with its head and the whole answer
 * in one batch: the cheapest way that the core has. No protobuf, no model: less than ours does. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>

enum { CALLS = 256 };

typedef struct call {
    grpc_call *call;
    grpc_byte_buffer *message;
    grpc_metadata_array metadata;
    gpr_timespec deadline;
    int cancelled, is_answering;
} call;

static grpc_server *server;
static grpc_completion_queue *queue;
static void *method;
static grpc_byte_buffer *answer;
static call calls[CALLS];

static void wait_for(call *one)
{
    memset(one, 0, sizeof *one);
    grpc_metadata_array_init(&one->metadata);
    grpc_server_request_registered_call(server, method, &one->call, &one->deadline, &one->metadata,
                                        &one->message, queue, queue, one);
}

static void reply(call *one)
{
    grpc_op ops[4] = {{.op = GRPC_OP_SEND_INITIAL_METADATA},
                      {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = answer},
                      {.op = GRPC_OP_SEND_STATUS_FROM_SERVER,
                       .data.send_status_from_server.status = GRPC_STATUS_OK},
                      {.op = GRPC_OP_RECV_CLOSE_ON_SERVER,
                       .data.recv_close_on_server.cancelled = &one->cancelled}};
    one->is_answering = 1;
    if (grpc_call_start_batch(one->call, ops, 4, one, NULL) != GRPC_CALL_OK)
        abort();
}

static void end(call *one)
{
    grpc_byte_buffer_destroy(one->message); /* NULL when the client was gone */
    grpc_metadata_array_destroy(&one->metadata);
    grpc_call_unref(one->call);
    wait_for(one);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    grpc_init();
    queue = grpc_completion_queue_create_for_next(NULL);
    server = grpc_server_create(NULL, NULL);
    grpc_server_register_completion_queue(server, queue, NULL);
    method = grpc_server_register_method(server, argv[1], NULL,
                                         GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
    int port = grpc_server_add_http2_port(server, "127.0.0.1:0",
                                          grpc_insecure_server_credentials_create());
    size_t size = strtoul(argv[2], NULL, 10);
    grpc_slice slice = grpc_slice_malloc(size);
    memset(GRPC_SLICE_START_PTR(slice), 0, size);
    answer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_server_start(server);
    printf("%d\n", port);
    fflush(stdout);
    for (size_t i = 0; i < CALLS; i++)
        wait_for(&calls[i]);
    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
        call *one = event.tag;
        if (event.type != GRPC_OP_COMPLETE)
            continue;
        if (one->is_answering)
            end(one);
        else if (event.success)
            reply(one);
    }
}
