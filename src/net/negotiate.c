/* What a client accepts: lists of names with weights (RFC 9110 § 12.4.2). */
#include "net.h"
#include "token.h"

#include "base/banned.h"

enum { WHOLE_WEIGHT = 1000 };

/* The weight of "q=0.5" in thousandths; false when this is another parameter. What is no weight of
 * 0 to 1 counts as none given. */
static bool read_weight(mw_view parameter, unsigned *ret_weight)
{
    if (parameter.size < 2 || (parameter.data[0] | 0x20) != 'q' || parameter.data[1] != '=')
        return false;
    double weight;
    bool fits = mw_number_parse(parameter.data + 2, parameter.size - 2, &weight) && weight >= 0 &&
                weight <= 1;
    *ret_weight = fits ? (unsigned)(weight * WHOLE_WEIGHT) : WHOLE_WEIGHT;
    return true;
}

/* Cut off what stands before the next ';', trimmed. */
static mw_view next_part(mw_view *rest)
{
    const char *mark = memchr(rest->data, ';', rest->size);
    size_t size = mark ? (size_t)(mark - rest->data) : rest->size;
    mw_view part = mw_view_trim((mw_view){rest->data, size});
    size_t used = mark ? size + 1 : size;
    *rest = (mw_view){rest->data + used, rest->size - used};
    return part;
}

mw_view net_split_weight(mw_view item, unsigned *ret_weight)
{
    mw_view name = next_part(&item);
    *ret_weight = WHOLE_WEIGHT;
    while (item.size > 0 && !read_weight(next_part(&item), ret_weight))
        ;
    return name;
}

bool mw_exchange_names_type(const mw_exchange *exchange, const char *media_type)
{
    mw_view accepted = mw_exchange_header(exchange, "accept"), item;
    while (net_next_item(&accepted, &item)) {
        unsigned weight;
        if (mw_view_is_nocase(net_split_weight(item, &weight), media_type) && weight > 0)
            return true;
    }
    return false;
}
