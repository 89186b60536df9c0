/* Keys of roles, by three ways that AWS offers.
 *
 *     identity    POST sts: the token of a file -> XML: keys for an hour
 *     container   GET http://169.254.170.2/... or a full address -> JSON
 *     machine     PUT /latest/api/token -> GET .../security-credentials/ROLE -> JSON
 *
 * Source: "AWS SDKs and Tools Reference Guide", standardized credential providers. */
#include "bucket_roles.h"

#include <stdlib.h>
#include <string.h>

#include "listing.h"
#include "net/net.h"
#include "sigv4.h"

enum { MACHINE_MS = 1500, ANSWER_MS = 10000, TOKEN_BYTES_MAX = 16 * 1024, TEXT_BYTES = 8 * 1024 };

static const char *from(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

/* why: what failed; nothing did where the answer holds no keys. */
static mw_status fail_role(const char *source, const mw_error *why, mw_error *err)
{
    mw_fail(err, MW_E_STORE_PLACE, "no keys for the bucket come from %s", source);
    mw_why(err, "%s", why->what[0] ? why->what : "the answer has none");
    return mw_mend(err, "see that the role is attached and may be used here, or set "
                        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
}

/* ---- answers ----------------------------------------------------------------------------------
 */

static bool keep(mw_view value, char *room, size_t room_bytes)
{
    if (value.size == 0 || value.size >= room_bytes)
        return false;
    memcpy(room, value.data, value.size);
    room[value.size] = '\0';
    return true;
}

static bool keep_all(mw_view id, mw_view secret, mw_view token, mw_view expires,
                     store_key_ring *ret_keys)
{
    *ret_keys = (store_key_ring){.expires_ms = store_moment_of(expires)};
    return keep(id, ret_keys->id, sizeof ret_keys->id) &&
           keep(secret, ret_keys->secret, sizeof ret_keys->secret) &&
           keep(token, ret_keys->token, sizeof ret_keys->token) && ret_keys->expires_ms > 0;
}

bool store_keys_from_json(mw_view text, store_key_ring *ret_keys)
{
    mw_json *root;
    mw_error ignored;
    if (mw_json_read(text, &root, &ignored) != MW_OK)
        return false;
    bool found = keep_all(mw_json_text(mw_json_member(root, "AccessKeyId")),
                          mw_json_text(mw_json_member(root, "SecretAccessKey")),
                          mw_json_text(mw_json_member(root, "Token")),
                          mw_json_text(mw_json_member(root, "Expiration")), ret_keys);
    mw_json_free(root);
    return found;
}

bool store_keys_from_xml(mw_view xml, store_key_ring *ret_keys)
{
    mw_view keys = store_xml_text(xml, "Credentials");
    return keep_all(store_xml_text(keys, "AccessKeyId"), store_xml_text(keys, "SecretAccessKey"),
                    store_xml_text(keys, "SessionToken"), store_xml_text(keys, "Expiration"),
                    ret_keys);
}

/* ---- one call ---------------------------------------------------------------------------------
 */

typedef struct role_call {
    const char *origin; /* "http://169.254.169.254" */
    const char *method, *path, *headers;
    mw_view body;
    unsigned timeout_ms;
} role_call;

/* A 200 is the only good answer; its body is copied into out. */
static mw_status ask(const role_call *call, mw_buf *out, mw_error *err)
{
    mw_dial *dial;
    mw_view body;
    mw_client *client = NULL;
    int status = 0;
    MW_TRY(mw_dial_new(&(mw_dial_options){.url = call->origin}, &dial, err));
    mw_status done = mw_client_open_to(dial, call->timeout_ms, &client, err);
    if (done == MW_OK)
        done = mw_client_call_with(client, call->method, call->path, call->headers, call->body,
                                   &status, &body, err);
    if (done == MW_OK && status == 200)
        mw_buf_view(out, body);
    if (done == MW_OK && status != 200)
        done = mw_fail(err, MW_E_STORE_PLACE, "%s answered %d: %.*s", call->path, status,
                       (int)(body.size < 120 ? body.size : 120), body.data ? body.data : "");
    if (done == MW_OK && out->failed)
        done = mw_fail_memory(err, "keys");
    mw_client_close(client);
    mw_dial_free(dial);
    return done;
}

/* "http://host:port/path" in two; false when there is no path. */
static bool split(const char *url, char *origin, size_t size, const char **ret_path)
{
    const char *slashes = strstr(url, "://");
    *ret_path = slashes ? strchr(slashes + 3, '/') : NULL;
    return *ret_path && (size_t)snprintf(origin, size, "%.*s", (int)(*ret_path - url), url) < size;
}

static void drop(mw_buf *secret)
{
    if (secret->data)
        explicit_bzero(secret->data, secret->size);
    mw_buf_done(secret);
}

/* A token from its file, without the end of its line. */
static mw_status read_token(const char *path, mw_buf *out, mw_error *err)
{
    mw_file file;
    MW_TRY(mw_file_read(path, TOKEN_BYTES_MAX, &file, err));
    size_t size = file.size;
    while (size > 0 && strchr("\r\n ", file.data[size - 1]))
        size--;
    mw_buf_bytes(out, file.data, size);
    explicit_bzero(file.data, file.size);
    mw_file_done(&file);
    return out->failed ? mw_fail_memory(err, "a token") : MW_OK;
}

/* ---- web identity -----------------------------------------------------------------------------
 */

static void write_form(const char *role, const mw_buf *token, mw_buf *out)
{
    const char *name = from("AWS_ROLE_SESSION_NAME");
    mw_buf_text(out, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=");
    store_encode(out, mw_view_of(role), false);
    mw_buf_text(out, "&RoleSessionName=");
    store_encode(out, mw_view_of(name ? name : "millwright"), false);
    mw_buf_text(out, "&WebIdentityToken=");
    store_encode(out, mw_buf_as_view(token), false);
}

static mw_status exchange(const char *region, const char *role, const mw_buf *token, mw_buf *answer,
                          mw_error *err)
{
    char origin[512];
    mw_buf form;
    const char *endpoint = from("AWS_ENDPOINT_URL_STS");
    if (endpoint)
        snprintf(origin, sizeof origin, "%s", endpoint);
    else
        snprintf(origin, sizeof origin, "https://sts.%s.amazonaws.com", region);
    mw_buf_init(&form, 4 * TOKEN_BYTES_MAX);
    write_form(role, token, &form);
    role_call call = {.origin = origin,
                      .method = "POST",
                      .path = "/",
                      .headers = "Content-Type: application/x-www-form-urlencoded\r\n",
                      .body = mw_buf_as_view(&form),
                      .timeout_ms = ANSWER_MS};
    mw_status status = form.failed ? mw_fail_memory(err, "a token") : ask(&call, answer, err);
    drop(&form);
    return status;
}

mw_status store_keys_of_identity(const char *region, store_key_ring *ret_keys, bool *ret_found,
                                 mw_error *err)
{
    static const char source[] = "the web identity (AWS_WEB_IDENTITY_TOKEN_FILE)";
    mw_error why = {0};
    mw_buf token, answer;
    const char *path = from("AWS_WEB_IDENTITY_TOKEN_FILE"), *role = from("AWS_ROLE_ARN");
    *ret_found = path && role;
    if (!*ret_found)
        return MW_OK;
    mw_buf_init(&token, TOKEN_BYTES_MAX);
    mw_buf_init(&answer, MW_MIB);
    mw_status status = read_token(path, &token, &why); /* anew: it is exchanged on the disk, too */
    if (status == MW_OK)
        status = exchange(region, role, &token, &answer, &why);
    bool got = status == MW_OK && store_keys_from_xml(mw_buf_as_view(&answer), ret_keys);
    drop(&token);
    drop(&answer);
    return got ? MW_OK : fail_role(source, &why, err);
}

/* ---- containers -------------------------------------------------------------------------------
 */

static mw_status write_authorization(mw_buf *out, mw_error *err)
{
    mw_buf token;
    const char *path = from("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *given = from("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    mw_buf_init(&token, TOKEN_BYTES_MAX);
    mw_status status = path ? read_token(path, &token, err) : MW_OK;
    if (!path && given)
        mw_buf_text(&token, given);
    if (token.size > 0)
        mw_buf_format(out, "Authorization: %s\r\n", token.data);
    drop(&token);
    return status;
}

static mw_status ask_container(const char *url, mw_buf *answer, mw_error *err)
{
    char origin[512];
    const char *path;
    mw_buf headers;
    if (!split(url, origin, sizeof origin, &path))
        return mw_fail(err, MW_E_STORE_PLACE, "'%.100s' is no address", url);
    mw_buf_init(&headers, 2 * TOKEN_BYTES_MAX);
    mw_buf_text(&headers, "Accept: application/json\r\n");
    mw_status status = write_authorization(&headers, err);
    if (status == MW_OK && headers.failed)
        status = mw_fail_memory(err, "a token");
    role_call call = {origin, "GET", path, headers.data, {NULL, 0}, ANSWER_MS};
    if (status == MW_OK)
        status = ask(&call, answer, err);
    drop(&headers);
    return status;
}

mw_status store_keys_of_container(store_key_ring *ret_keys, bool *ret_found, mw_error *err)
{
    char url[TEXT_BYTES];
    mw_buf answer;
    mw_error why = {0};
    const char *relative = from("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = from("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    *ret_found = relative || full;
    if (!*ret_found)
        return MW_OK;
    snprintf(url, sizeof url, "%s%s", relative ? "http://169.254.170.2" : "",
             relative ? relative : full);
    mw_buf_init(&answer, MW_MIB);
    bool got = ask_container(url, &answer, &why) == MW_OK &&
               store_keys_from_json(mw_buf_as_view(&answer), ret_keys);
    drop(&answer);
    return got ? MW_OK : fail_role("the container (AWS_CONTAINER_CREDENTIALS_...)", &why, err);
}

/* ---- machines ---------------------------------------------------------------------------------
 */

#define ROLES_PATH "/latest/meta-data/iam/security-credentials/"

static mw_status ask_machine(const char *origin, mw_buf *answer, mw_error *err)
{
    char path[512], header[512];
    role_call token = {origin,
                       "PUT",
                       "/latest/api/token",
                       "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n",
                       {NULL, 0},
                       MACHINE_MS};
    MW_TRY(ask(&token, answer, err));
    if (answer->size > 256 || answer->size == 0)
        return mw_fail(err, MW_E_STORE_PLACE, "its token is none");
    snprintf(header, sizeof header, "X-aws-ec2-metadata-token: %.256s\r\n", answer->data);
    mw_buf_reset(answer);
    role_call role = {origin, "GET", ROLES_PATH, header, {NULL, 0}, MACHINE_MS};
    MW_TRY(ask(&role, answer, err));
    size_t size = strcspn(answer->data, "\r\n");
    if (size == 0 || size > 256 || memchr(answer->data, ' ', size))
        return mw_fail(err, MW_E_STORE_PLACE, "the machine has no role");
    snprintf(path, sizeof path, ROLES_PATH "%.*s", (int)size, answer->data);
    mw_buf_reset(answer);
    role_call keys = {origin, "GET", path, header, {NULL, 0}, MACHINE_MS};
    return ask(&keys, answer, err);
}

mw_status store_keys_of_machine(store_key_ring *ret_keys, bool *ret_found, mw_error *err)
{
    mw_buf answer;
    mw_error why = {0};
    const char *off = from("AWS_EC2_METADATA_DISABLED");
    const char *named = from("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    *ret_found = !off || strcmp(off, "true") != 0;
    if (!*ret_found)
        return MW_OK;
    char origin[512];
    snprintf(origin, sizeof origin, "%s", named ? named : "http://169.254.169.254");
    for (size_t size = strlen(origin); size > 0 && origin[size - 1] == '/'; size--)
        origin[size - 1] = '\0';
    mw_buf_init(&answer, MW_MIB);
    bool got = ask_machine(origin, &answer, &why) == MW_OK &&
               store_keys_from_json(mw_buf_as_view(&answer), ret_keys);
    drop(&answer);
    return got ? MW_OK : fail_role("the machine's role", &why, err);
}
