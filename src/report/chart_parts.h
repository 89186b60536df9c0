/* What the charts begin with (chart.c); inside the room. */
#ifndef REPORT_CHART_PARTS_H
#define REPORT_CHART_PARTS_H

#include "chart.h"

/* The element and its title, which is escaped; the caller closes it: </svg>. */
void chart_open(mw_buf *out, const char *title, int width, int height);
/* A text at a place; anchor: "start", "middle", "end". The caller closes it: </text>. */
void chart_open_text(mw_buf *out, double x, double y, const char *anchor);

#endif
