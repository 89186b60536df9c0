/* Keys that a machine or a pod is given, and that go out after a while. */
#ifndef STORE_BUCKET_ROLES_H
#define STORE_BUCKET_ROLES_H

#include "bucket_keys.h"

/* Each says in *ret_found whether the environment names its source at all, and fails when it does
 * and no keys come: MW_BAD_ARGUMENT (MW4011), err says why.
 *
 * AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN: the token is exchanged at STS of the region, or at
 * AWS_ENDPOINT_URL_STS. */
MW_CHECKED mw_status store_keys_of_identity(const char *region, store_key_ring *ret_keys,
                                            bool *ret_found, mw_error *err);
/* AWS_CONTAINER_CREDENTIALS_FULL_URI or ..._RELATIVE_URI: of tasks and pods. */
MW_CHECKED mw_status store_keys_of_container(store_key_ring *ret_keys, bool *ret_found,
                                             mw_error *err);
/* The role of the machine (IMDSv2): always named, unless AWS_EC2_METADATA_DISABLED is true. */
MW_CHECKED mw_status store_keys_of_machine(store_key_ring *ret_keys, bool *ret_found,
                                           mw_error *err);

/* The answers, pure. False: no keys in it. */
bool store_keys_from_json(mw_view text, store_key_ring *ret_keys);
bool store_keys_from_xml(mw_view xml, store_key_ring *ret_keys);

#endif
