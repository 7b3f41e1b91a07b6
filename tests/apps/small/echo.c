// Gives back what it is passed.

#include "values.h"

// A record of that many fields comes by a pointer, and goes by one.
EXPORT("test:echo/echo#echo") struct everything *echo(struct everything *value) {
    return value;
}
