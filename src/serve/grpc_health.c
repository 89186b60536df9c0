/* grpc.health.v1: is the server, a service or a model well?
 *
 *     Check   one answer          Watch   one at once and one at each change, until someone goes
 *     List    all there are
 *
 * A model is a service of its own, by its name. */
#include "grpc.h"
#include "proto.h"

typedef enum health {
    HEALTH_NOTHING, /* said so far */
    HEALTH_SERVING,
    HEALTH_NOT_SERVING,
    HEALTH_SERVICE_UNKNOWN
} health;

static bool is_service(mw_view name)
{
    const proto_row *row = NULL;
    return proto_find_symbol(name, &row) && row && row->what == PROTO_SERVICE;
}

static health health_of_slot(mw_fleet *fleet, const serve_slot *slot)
{
    return slot->model && !mw_fleet_is_draining(fleet) ? HEALTH_SERVING : HEALTH_NOT_SERVING;
}

static health health_of_server(mw_fleet *fleet, const serve_plan *plan)
{
    return plan->n_slots > 0 && !mw_fleet_is_draining(fleet) ? HEALTH_SERVING : HEALTH_NOT_SERVING;
}

/* The whole server (""), a service, or a model by its name. */
static health find_health(mw_fleet *fleet, unsigned loop, mw_view name)
{
    const serve_plan *plan = serve_plan_pin(fleet, loop);
    const serve_slot *slot = serve_plan_find(plan, name);
    health found = HEALTH_SERVICE_UNKNOWN;
    if (name.size == 0 || is_service(name))
        found = health_of_server(fleet, plan);
    else if (slot)
        found = health_of_slot(fleet, slot);
    serve_plan_unpin(fleet, loop);
    return found;
}

void grpc_health_check(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    health found = find_health(fleet, exchange->loop, params->name);
    if (found == HEALTH_SERVICE_UNKNOWN) {
        mw_error err;
        mw_fail(&err, MW_E_ENDPOINT_UNKNOWN, "no service or model is called '%.*s'",
                MW_VIEW_ARG(params->name));
        mw_mend(&err, "ask for '' (the server) or the name of a model");
        serve_reply_error(exchange, &err, 404);
        return;
    }
    mw_protobuf_put_number(exchange->reply, 1, found);
    grpc_reply(exchange);
}

/* Called again at each change of what is served (mw_exchange.stays); `user` is what was said. */
void grpc_health_watch(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    health found = find_health(fleet, exchange->loop, params->name);
    if ((health)(uintptr_t)exchange->user == found) {
        mw_exchange_wait(exchange);
        return;
    }
    exchange->user = (void *)(uintptr_t)found; /* NOLINT(performance-no-int-to-ptr) */
    exchange->stays = true;
    mw_protobuf_put_number(exchange->reply, 1, found);
    grpc_reply(exchange);
}

/* map<string, HealthCheckResponse> */
static void put_status(mw_buf *out, mw_view name, health found)
{
    size_t entry = mw_protobuf_begin(out, 1);
    mw_protobuf_put_text(out, 1, name);
    size_t status = mw_protobuf_begin(out, 2);
    mw_protobuf_put_number(out, 1, found);
    mw_protobuf_end(out, status);
    mw_protobuf_end(out, entry);
}

void grpc_health_list(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)params;
    char text[PROTO_NAME_BYTES];
    mw_view name;
    const serve_plan *plan = serve_plan_pin(fleet, exchange->loop);
    health server = health_of_server(fleet, plan);
    put_status(exchange->reply, (mw_view){"", 0}, server);
    for (size_t i = 0; (name = proto_service(i, text)).size > 0; i++)
        put_status(exchange->reply, name, server);
    for (size_t i = 0; i < plan->n_slots; i++)
        put_status(exchange->reply, mw_view_of(plan->slots[i].endpoint->name),
                   health_of_slot(fleet, &plan->slots[i]));
    serve_plan_unpin(fleet, exchange->loop);
    grpc_reply(exchange);
}
