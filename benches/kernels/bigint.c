/* Numbers of many digits: products and remainders of 64 bits, carries. Digits of a factorial and of a power. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 12000
#endif
static uint32_t digits[SIZE * 2], other[SIZE * 2], product[SIZE * 4];
static size_t length;

void setup(void) {
    for (size_t i = 0; i < SIZE * 2; i++) digits[i] = other[i] = 0;
    digits[0] = 1;
    length = 1;
}

static void multiply_small(uint32_t by) {
    uint64_t carry = 0;
    for (size_t i = 0; i < length; i++) {
        carry += (uint64_t)digits[i] * by;
        digits[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) digits[length++] = (uint32_t)carry;
}

static uint32_t remainder_of(uint32_t by) {
    uint64_t rest = 0;
    for (size_t i = length; i-- > 0;) rest = (rest << 32 | digits[i]) % by;
    return (uint32_t)rest;
}

static void square(void) {
    for (size_t i = 0; i < 2 * length; i++) product[i] = 0;
    for (size_t i = 0; i < length; i++) {
        uint64_t carry = 0;
        for (size_t j = 0; j < length; j++) {
            carry += (uint64_t)digits[i] * digits[j] + product[i + j];
            product[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
        product[i + length] = (uint32_t)carry;
    }
}

void kernel(void) {
    for (uint32_t i = 2; i <= SIZE; i++) multiply_small(i);
    square();
    for (uint32_t i = 0; i < 100; i++) other[i] = remainder_of(1000003 + 2 * i);
}

uint64_t checksum(void) { return mixed(sum_of(product, sizeof product), sum_of(other, sizeof other)); }
