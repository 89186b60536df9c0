/* The word that was meant: the nearest candidate, when it is near enough to be a slip. */
#include "command.h"

/* One slip in a short word; two, so that letters may change places, in a longer one; then one in
 * three. */
static size_t reach_of(size_t size)
{
    return size < 4 ? 1 : size < 9 ? 2 : size / 3;
}

cli_nearest cli_nearest_to(mw_view typed)
{
    return (cli_nearest){.typed = typed, .name = NULL, .distance = reach_of(typed.size) + 1};
}

void cli_nearest_offer(cli_nearest *nearest, const char *candidate)
{
    mw_view view = mw_view_of(candidate);
    size_t distance = mw_view_distance(nearest->typed, view, nearest->distance);
    /* A word that was begun but not ended ("comp") counts as one slip. */
    if (nearest->typed.size >= 3 && view.size > nearest->typed.size &&
        memcmp(view.data, nearest->typed.data, nearest->typed.size) == 0)
        distance = 1;
    if (distance < nearest->distance) {
        nearest->distance = distance;
        nearest->name = candidate;
    }
}
