// test:echo/echo's record `everything` as it lies in memory.
#pragma once

#include "../wallet/abi.h"

struct point {
    int32_t x, y;
};

enum { NOTHING, DOT, NAME, FAR };

struct everything {
    bool yes;
    uint8_t a;
    int8_t b;
    uint16_t c;
    int16_t d;
    uint32_t e;
    int32_t f;
    uint64_t g;
    int64_t h;
    float i;
    double j;
    uint32_t letter;
    struct text text, bytes;
    struct {
        uint64_t *at;
        size_t len;
    } wide;
    struct {
        struct text *at;
        size_t len;
    } words;
    struct {
        uint8_t number;
        struct text text;
    } pair;
    uint8_t colour, access;
    struct {
        uint8_t kind;
        _Alignas(8) union {
            struct point dot;
            struct text name;
            uint64_t far;
        };
    } shape;
    struct {
        uint8_t some;
        struct point point;
    } maybe;
    struct outcome well, ill;
};
