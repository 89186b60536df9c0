/* Ids of requests. */
#include <errno.h>
#include <sys/random.h>

#include "identity.h"

void observe_chance_seed(observe_chance *chance)
{
    size_t have = 0;
    while (have < sizeof chance->state) {
        ssize_t n = getrandom((char *)chance->state + have, sizeof chance->state - have, 0);
        if (n > 0)
            have += (size_t)n;
        else if (n < 0 && errno != EINTR) {
            chance->state[0] ^= mw_clock_ns() | 1; /* no such call here: the clock must do */
            break;
        }
    }
    if (!(chance->state[0] | chance->state[1] | chance->state[2] | chance->state[3]))
        chance->state[0] = 1; /* the one state that it never leaves */
}

bool observe_id_is_sane(mw_view id)
{
    static const bool allowed[256] = {
        ['.'] = true, ['_'] = true,         [':'] = true,         ['/'] = true,
        ['+'] = true, ['='] = true,         ['@'] = true,         ['~'] = true,
        ['-'] = true, ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
    };
    if (id.size == 0 || id.size > OBSERVE_ID_BYTES_MAX)
        return false;
    for (size_t i = 0; i < id.size; i++)
        if (!allowed[(unsigned char)id.data[i]])
            return false;
    return true;
}

/*  0         6  7         9  10                 16
 *  | time ms |7 | chance |10 bits, chance ...   |   written with '-' behind bytes 4, 6, 8, 10 */
void observe_id_make(observe_chance *chance, uint64_t wall_ms, char ret_id[OBSERVE_ID_BYTES])
{
    enum { TIME_BYTES = 6, UUID_BYTES = 16 };
    uint8_t uuid[UUID_BYTES];
    uint64_t high = observe_draw(chance), low = observe_draw(chance);
    for (unsigned i = 0; i < TIME_BYTES; i++)
        uuid[i] = (uint8_t)(wall_ms >> (40 - 8 * i));
    uuid[6] = (uint8_t)(0x70 | (high & 0x0f));
    uuid[7] = (uint8_t)(high >> 8);
    memcpy(uuid + 8, &low, sizeof low);
    uuid[8] = (uint8_t)(0x80 | (uuid[8] & 0x3f));
    char *at = mw_hex_write(ret_id, uuid, 4);
    for (unsigned i = 4; i < 10; i += 2) {
        *at++ = '-';
        at = mw_hex_write(at, uuid + i, 2);
    }
    *at++ = '-';
    mw_hex_write(at, uuid + 10, TIME_BYTES);
}
