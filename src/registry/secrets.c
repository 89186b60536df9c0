/* Passwords and tokens by libsodium. */
#include <sodium.h>

#include "secrets.h"

enum { TOKEN_RANDOM_BYTES = 32, TOKEN_LETTERS = 52, DIGEST_BYTES = 32 };

_Static_assert(MW_PASSWORD_HASH_BYTES >= crypto_pwhash_STRBYTES, "room for a hash");

mw_status mw_password_hash(mw_view password, char ret_hash[MW_PASSWORD_HASH_BYTES], mw_error *err)
{
    if (password.size < MW_PASSWORD_BYTES_MIN || password.size > MW_PASSWORD_BYTES_MAX) {
        mw_fail(err, MW_E_ACCESS_VALUE, "a password has %d to %d bytes, this one has %zu",
                MW_PASSWORD_BYTES_MIN, MW_PASSWORD_BYTES_MAX, password.size);
        return mw_mend(err, "choose a longer one: several words are easy to keep");
    }
    if (sodium_init() < 0 || crypto_pwhash_str_alg(ret_hash, password.data, password.size,
                                                   crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                                   crypto_pwhash_MEMLIMIT_INTERACTIVE,
                                                   crypto_pwhash_ALG_ARGON2ID13) != 0)
        return mw_fail_memory(err, "hashing a password (64 MiB)");
    return MW_OK;
}

/* Of a password that nobody knows: who asks for users that are not there waits as long. */
static const char *nobodys_hash(void)
{
    return "$argon2id$v=19$m=65536,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"
           "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
}

bool mw_password_is(mw_view password, const char *hash)
{
    bool is_known = hash[0] != '\0';
    if (sodium_init() < 0 || password.size > MW_PASSWORD_BYTES_MAX)
        return false;
    int outcome = crypto_pwhash_str_verify(is_known ? hash : nobodys_hash(),
                                           password.data ? password.data : "", password.size);
    return is_known && outcome == 0;
}

void secret_new_token(char ret_token[MW_TOKEN_BYTES])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t random[TOKEN_RANDOM_BYTES + 1] = {0};
    (void)!sodium_init();
    randombytes_buf(random, TOKEN_RANDOM_BYTES);
    char *at = ret_token;
    memcpy(at, "mw_", 3);
    at += 3;
    for (unsigned i = 0; i < TOKEN_LETTERS; i++) { /* five bits each; 52 of them hold 256 */
        unsigned bit = 5 * i, byte = bit / 8;
        unsigned pair =
            (unsigned)random[byte] << 8 | (byte + 1 <= TOKEN_RANDOM_BYTES ? random[byte + 1] : 0);
        *at++ = letters[pair >> (11 - bit % 8) & 31];
    }
    *at = '\0';
    sodium_memzero(random, sizeof random);
}

bool secret_is_token(mw_view text)
{
    return text.size == MW_TOKEN_BYTES - 1 && mw_view_starts(text, "mw_");
}

void secret_digest(mw_view key, mw_view text, char ret_digest[MW_TOKEN_DIGEST_BYTES])
{
    uint8_t digest[DIGEST_BYTES];
    (void)!sodium_init();
    size_t key_size =
        key.size < crypto_generichash_KEYBYTES_MAX ? key.size : crypto_generichash_KEYBYTES_MAX;
    crypto_generichash(digest, sizeof digest, (const uint8_t *)text.data, text.size,
                       (const uint8_t *)key.data, key_size);
    *mw_hex_write(ret_digest, digest, sizeof digest) = '\0';
}
