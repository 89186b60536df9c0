/* Endpoints in the record: what a server that has it open is to serve, besides what it was started
 * with. Part of the door registry.h.
 *
 *     endpoint: a name, the address of a model ("models:/credit@champion"), settings
 *
 * A change of them is a change of what has to be served: servers follow it within a second. What
 * the settings mean is the server's: here they are texts.
 */
#ifndef REGISTRY_ENDPOINTS_H
#define REGISTRY_ENDPOINTS_H

typedef struct mw_record_endpoint {
    mw_view name, model;
    mw_view settings; /* "key value" a line, sorted by key; "" = none */
    mw_view updated_by;
    int64_t updated;
} mw_record_endpoint;

typedef struct mw_record_endpoints {
    mw_record_endpoint *items;
    size_t count;
} mw_record_endpoints;

/* By name. */
MW_CHECKED mw_status mw_record_endpoints_of(mw_record *record, mw_record_endpoints *ret_endpoints,
                                            mw_error *err);
/* A new one, or in place of the one of its name. Audited. Fails: MW_BAD_ARGUMENT (MW8912) the model
 * is no address; MW_CONFLICT (MW8908) it leads to another version than before, whose gates are
 * closed. */
MW_CHECKED mw_status mw_record_put_endpoint(mw_record *record, const mw_record_endpoint *endpoint,
                                            mw_error *err);
/* Audited. Nothing happens when there is none. */
MW_CHECKED mw_status mw_record_remove_endpoint(mw_record *record, mw_view name, mw_error *err);

#endif
