/* Keys: AWS_ACCESS_KEY_ID and its like, or
 *
 *     [default]
 *     aws_access_key_id = ...
 *     aws_secret_access_key = ...
 *     aws_session_token = ... */
#include "bucket_keys.h"

#include <stdlib.h>
#include <string.h>

#include "bucket_roles.h"

enum { FILE_BYTES_MAX = 1 << 20, RENEW_MS = 5 * 60 * 1000 };

void store_keys_wipe(store_key_ring *keys)
{
    explicit_bzero(keys, sizeof *keys);
}

/* False when it does not fit: half a secret signs nothing. */
static bool keep(mw_view value, char *room, size_t room_bytes)
{
    if (value.size >= room_bytes)
        return false;
    memcpy(room, value.data, value.size);
    room[value.size] = '\0';
    return true;
}

static mw_view trim(mw_view text)
{
    while (text.size > 0 && strchr(" \t\r", text.data[0]))
        text = (mw_view){text.data + 1, text.size - 1};
    while (text.size > 0 && strchr(" \t\r", text.data[text.size - 1]))
        text.size--;
    return text;
}

static void note_line(mw_view line, store_key_ring *keys)
{
    const char *equals = memchr(line.data, '=', line.size);
    if (!equals)
        return;
    mw_view name = trim((mw_view){line.data, (size_t)(equals - line.data)});
    mw_view value = trim((mw_view){equals + 1, line.size - (size_t)(equals - line.data) - 1});
    if (mw_view_is(name, "aws_access_key_id"))
        keep(value, keys->id, sizeof keys->id);
    else if (mw_view_is(name, "aws_secret_access_key"))
        keep(value, keys->secret, sizeof keys->secret);
    else if (mw_view_is(name, "aws_session_token"))
        keep(value, keys->token, sizeof keys->token);
}

bool store_keys_parse(mw_view text, const char *profile, store_key_ring *ret_keys)
{
    bool inside = false;
    *ret_keys = (store_key_ring){0};
    while (text.size > 0) {
        const char *end = memchr(text.data, '\n', text.size);
        size_t size = end ? (size_t)(end - text.data) : text.size;
        mw_view line = trim((mw_view){text.data, size});
        size_t behind = end ? size + 1 : size;
        text = (mw_view){text.data + behind, text.size - behind};
        if (line.size == 0 || line.data[0] == '#' || line.data[0] == ';')
            continue;
        if (line.data[0] == '[')
            inside = line.data[line.size - 1] == ']' && line.size >= 2 &&
                     mw_view_is(trim((mw_view){line.data + 1, line.size - 2}), profile);
        else if (inside)
            note_line(line, ret_keys);
    }
    return ret_keys->id[0] && ret_keys->secret[0];
}

static const char *from(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

static bool read_environment(store_key_ring *keys)
{
    const char *id = from("AWS_ACCESS_KEY_ID"), *secret = from("AWS_SECRET_ACCESS_KEY");
    const char *token = from("AWS_SESSION_TOKEN");
    return id && secret && keep(mw_view_of(id), keys->id, sizeof keys->id) &&
           keep(mw_view_of(secret), keys->secret, sizeof keys->secret) &&
           (!token || keep(mw_view_of(token), keys->token, sizeof keys->token));
}

static bool read_file(store_key_ring *keys)
{
    mw_file file;
    mw_error err;
    char path[4096];
    const char *named = from("AWS_SHARED_CREDENTIALS_FILE"), *home = from("HOME");
    const char *profile = from("AWS_PROFILE");
    snprintf(path, sizeof path, named ? "%s" : "%s/.aws/credentials",
             named  ? named
             : home ? home
                    : "");
    if (mw_file_read(path, FILE_BYTES_MAX, &file, &err) != MW_OK)
        return false;
    bool found =
        store_keys_parse((mw_view){file.data, file.size}, profile ? profile : "default", keys);
    explicit_bzero(file.data, file.size);
    mw_file_done(&file);
    return found;
}

static mw_status fail_none(mw_error *err)
{
    mw_fail(err, MW_E_STORE_PLACE, "no keys for the bucket");
    return mw_mend(err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE with a "
                        "profile of ~/.aws/credentials; or give the machine or the pod a role");
}

static mw_status read_roles(store_key_ring *keys, mw_error *err)
{
    bool found;
    MW_TRY(store_keys_of_container(keys, &found, err));
    if (!found)
        MW_TRY(store_keys_of_machine(keys, &found, err));
    return found ? MW_OK : fail_none(err);
}

mw_status store_keys_read(const char *region, store_key_ring *ret_keys, mw_error *err)
{
    bool found = false;
    *ret_keys = (store_key_ring){0};
    if (read_environment(ret_keys))
        return MW_OK;
    store_keys_wipe(ret_keys);
    mw_status status = store_keys_of_identity(region, ret_keys, &found, err);
    if (status == MW_OK && !found && !read_file(ret_keys)) {
        store_keys_wipe(ret_keys);
        status = read_roles(ret_keys, err);
    }
    if (status != MW_OK)
        store_keys_wipe(ret_keys);
    return status;
}

mw_status store_keys_renew(const char *region, store_key_ring *keys, mw_error *err)
{
    mw_error why;
    store_key_ring fresh;
    int64_t now = mw_clock_wall_ms();
    if (keys->expires_ms == 0 || now < keys->expires_ms - RENEW_MS)
        return MW_OK;
    mw_status status = store_keys_read(region, &fresh, &why);
    if (status == MW_OK)
        *keys = fresh;
    store_keys_wipe(&fresh);
    if (status == MW_OK || now < keys->expires_ms)
        return MW_OK;
    if (err)
        *err = why;
    return status;
}
