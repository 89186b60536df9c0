/* Secrets that must be known again, sealed by libsodium's secretbox under a key beside the record.
 *
 *     "s1:" base64( nonce (24) | box (16 + n) )
 *
 * The key is in no backup, so that a copy of the record that falls into other hands tells none of
 * them; whoever restores one elsewhere brings the key along, or sets the secrets anew. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record.h"

enum {
    KEY_BYTES = crypto_secretbox_KEYBYTES,
    NONCE_BYTES = crypto_secretbox_NONCEBYTES,
    ROOM_BYTES = NONCE_BYTES + crypto_secretbox_MACBYTES + MW_LIMIT_WEBHOOK_SECRET_BYTES
};

static const char variable[] = "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", version[] = "s1:";

static mw_status fail_key(const char *why, mw_error *err)
{
    mw_fail(err, MW_E_WEBHOOK_SECRET, "%s", why);
    return mw_mend(err, "set %s to 32 bytes in base64, the same at every server of the record",
                   variable);
}

/* As cryptography.fernet makes them: base64 for addresses. */
static mw_status read_variable(const char *text, unsigned char key[KEY_BYTES], mw_error *err)
{
    size_t size = 0;
    if (sodium_base642bin(key, KEY_BYTES, text, strlen(text), " \n", &size, NULL,
                          sodium_base64_VARIANT_URLSAFE) == 0 &&
        size == KEY_BYTES)
        return MW_OK;
    return fail_key("the variable with the key for webhooks' secrets holds none", err);
}

static mw_status fail_file(const char *path, const char *what, mw_error *err)
{
    mw_fail(err, MW_E_STORE_OPEN, "%s: %s", what, strerror(errno));
    return mw_at(err, "%s", path);
}

/* Whole or not at all, and never in place of another: two processes may come at once. */
static mw_status make_file(const char *path, mw_error *err)
{
    unsigned char key[KEY_BYTES];
    char part[RECORD_PLACE_BYTES + 64], name[MW_RANDOM_NAME_BYTES];
    mw_random_name(name);
    snprintf(part, sizeof part, "%s.%s", path, name);
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_file(path, "the key for webhooks' secrets cannot be made", err);
    randombytes_buf(key, sizeof key);
    bool made = write(fd, key, sizeof key) == (ssize_t)sizeof key && fsync(fd) == 0;
    sodium_memzero(key, sizeof key);
    close(fd);
    made = made && (link(part, path) == 0 || errno == EEXIST);
    mw_status status =
        made ? MW_OK : fail_file(path, "the key for webhooks' secrets cannot be made", err);
    unlink(part);
    return status;
}

static mw_status read_file(const char *path, unsigned char key[KEY_BYTES], mw_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_file(path, "the key for webhooks' secrets cannot be read", err);
    ssize_t size = read(fd, key, KEY_BYTES);
    close(fd);
    if (size == KEY_BYTES)
        return MW_OK;
    fail_key("the file with the key for webhooks' secrets is cut short", err);
    return mw_at(err, "%s", path);
}

static mw_status find_key(mw_registry *registry, bool make, unsigned char key[KEY_BYTES],
                          mw_error *err)
{
    char path[RECORD_PLACE_BYTES];
    const char *given = getenv(variable);
    if (sodium_init() < 0)
        return mw_fail_memory(err, "libsodium");
    if (given && *given)
        return read_variable(given, key, err);
    if (mw_registry_is_shared(registry))
        return fail_key("several servers may share the record, and they need one key for the "
                        "secrets of webhooks",
                        err);
    snprintf(path, sizeof path, "%s/webhooks.key", registry->folder);
    if (make && access(path, F_OK) != 0)
        MW_TRY(make_file(path, err));
    return read_file(path, key, err);
}

mw_status mw_registry_seal(mw_registry *registry, mw_view secret, mw_buf *out, mw_error *err)
{
    unsigned char key[KEY_BYTES], room[ROOM_BYTES];
    char text[sodium_base64_ENCODED_LEN(ROOM_BYTES, sodium_base64_VARIANT_ORIGINAL)];
    if (secret.size > MW_LIMIT_WEBHOOK_SECRET_BYTES)
        return record_refuse(err, "a secret has at most %d bytes", MW_LIMIT_WEBHOOK_SECRET_BYTES);
    MW_TRY(find_key(registry, true, key, err));
    randombytes_buf(room, NONCE_BYTES);
    crypto_secretbox_easy(room + NONCE_BYTES, (const unsigned char *)secret.data, secret.size, room,
                          key);
    sodium_memzero(key, sizeof key);
    sodium_bin2base64(text, sizeof text, room,
                      NONCE_BYTES + crypto_secretbox_MACBYTES + secret.size,
                      sodium_base64_VARIANT_ORIGINAL);
    mw_buf_format(out, "%s%s", version, text);
    return out->failed ? mw_fail_memory(err, "a secret") : MW_OK;
}

static bool open_box(mw_view sealed, const unsigned char key[KEY_BYTES], mw_buf *out)
{
    unsigned char room[ROOM_BYTES], plain[MW_LIMIT_WEBHOOK_SECRET_BYTES];
    size_t size = 0, skipped = sizeof version - 1, least = NONCE_BYTES + crypto_secretbox_MACBYTES;
    if (!mw_view_starts(sealed, version) ||
        sodium_base642bin(room, sizeof room, sealed.data + skipped, sealed.size - skipped, NULL,
                          &size, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        size < least ||
        crypto_secretbox_open_easy(plain, room + NONCE_BYTES, size - NONCE_BYTES, room, key) != 0)
        return false;
    mw_buf_bytes(out, (const char *)plain, size - least);
    sodium_memzero(plain, sizeof plain);
    return true;
}

mw_status mw_registry_unseal(mw_registry *registry, mw_view sealed, mw_buf *out, mw_error *err)
{
    unsigned char key[KEY_BYTES];
    MW_TRY(find_key(registry, false, key, err));
    bool opened = open_box(sealed, key, out);
    sodium_memzero(key, sizeof key);
    if (!opened) {
        mw_fail(err, MW_E_WEBHOOK_SECRET, "the webhook's secret was sealed under another key");
        return mw_mend(err, "give the webhook a secret again, or the server its old key");
    }
    return out->failed ? mw_fail_memory(err, "a secret") : MW_OK;
}
