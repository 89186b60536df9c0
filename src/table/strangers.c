/* Categories that a model does not know, and reads as missing: what they were called.
 *
 *     "Utrecht" --hash, 22 bits--> NaN with these bits --> to the model: missing, as any NaN
 *                      `--> one of 512 places with its text, for who watches
 *
 * The bits are those that a float's NaN has room for, too. The texts are the process's: the newest
 * takes the place of another. Nobody waits for them: a text that comes while they are read is
 * remembered when it comes again. */
#include <math.h>
#include <pthread.h>

#include "cell.h"
#include "table.h"

#include "base/banned.h"

enum { PLACES = 512, MARK_BITS = 22, MARK_SHIFT = 29 };

#define MARK_MAX ((UINT32_C(1) << MARK_BITS) - 1)
#define QUIET_NAN UINT64_C(0x7ff8000000000000)

static struct stranger {
    uint32_t mark; /* 0: nobody's */
    uint8_t size;
    char text[MW_STRANGER_BYTES];
} strangers[PLACES];

static pthread_mutex_t strangers_lock = PTHREAD_MUTEX_INITIALIZER;

static void remember(uint32_t mark, mw_view text)
{
    struct stranger *place = &strangers[mark % PLACES];
    if (pthread_mutex_trylock(&strangers_lock) != 0)
        return;
    if (place->mark != mark) {
        place->mark = mark;
        place->size = (uint8_t)(text.size < MW_STRANGER_BYTES ? text.size : MW_STRANGER_BYTES);
        memcpy(place->text, text.data, place->size);
    }
    pthread_mutex_unlock(&strangers_lock);
}

double table_stranger(mw_view text)
{
    uint32_t mark = mw_category_hash(text) & MARK_MAX;
    mark += mark == 0;
    remember(mark, text);
    uint64_t bits = QUIET_NAN | (uint64_t)mark << MARK_SHIFT;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint32_t mw_stranger_mark(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return isnan(value) ? (uint32_t)(bits >> MARK_SHIFT) & MARK_MAX : 0;
}

void mw_stranger_learn(uint32_t mark, mw_view text)
{
    if (mark > 0 && mark <= MARK_MAX)
        remember(mark, text);
}

size_t mw_stranger_text(uint32_t mark, char ret_text[MW_STRANGER_BYTES])
{
    const struct stranger *place = &strangers[mark % PLACES];
    size_t size = 0;
    pthread_mutex_lock(&strangers_lock);
    if (mark != 0 && place->mark == mark)
        memcpy(ret_text, place->text, size = place->size);
    pthread_mutex_unlock(&strangers_lock);
    return size;
}
