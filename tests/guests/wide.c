// 64-bit and 128-bit integer arithmetic.
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

static uint64_t state = 88172645463325252u;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

// Long division: Debian's runtime library cannot link the compiler's own 128-bit remainder.
static uint64_t multiply_modulo(uint64_t a, uint64_t b, uint64_t modulus) {
    unsigned __int128 product = (unsigned __int128)a * b;
    uint64_t rest = (uint64_t)(product >> 64) % modulus, low = (uint64_t)product;
    for (int i = 63; i >= 0; i--) {
        uint64_t carry = rest >> 63;
        rest = rest << 1 | (low >> i & 1);
        if (carry || rest >= modulus)
            rest -= modulus;
    }
    return rest;
}

static uint64_t power_modulo(uint64_t base, uint64_t exponent, uint64_t modulus) {
    uint64_t result = 1;
    for (base %= modulus; exponent; exponent >>= 1) {
        if (exponent & 1)
            result = multiply_modulo(result, base, modulus);
        base = multiply_modulo(base, base, modulus);
    }
    return result;
}

static int is_prime(uint64_t n) {
    static const uint64_t witnesses[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37};
    if (n < 2)
        return 0;
    int twos = __builtin_ctzll(n - 1 ? n - 1 : 1);
    for (int i = 0; i < 12; i++) {
        if (n % witnesses[i] == 0)
            return n == witnesses[i];
        uint64_t x = power_modulo(witnesses[i], (n - 1) >> twos, n);
        int composite = x != 1 && x != n - 1;
        for (int j = 1; j < twos && composite; j++) {
            x = multiply_modulo(x, x, n);
            composite = x != n - 1;
        }
        if (composite)
            return 0;
    }
    return 1;
}

int main(void) {
    uint64_t sums[10] = {0};
    for (int i = 0; i < 20000; i++) {
        uint64_t a = next(), b = next() >> (i % 64) | 1;
        int64_t sa = (int64_t)a, sb = (int64_t)(b & INT64_MAX);
        unsigned n = i & 63;
        sums[0] = sums[0] * 31 + a / b;
        sums[1] = sums[1] * 31 + a % b;
        sums[2] = sums[2] * 31 + (uint64_t)(sa / sb);
        sums[3] = sums[3] * 31 + (uint64_t)(sa % sb);
        sums[4] = sums[4] * 31 + (uint64_t)((unsigned __int128)a * b >> 64);
        sums[5] = sums[5] * 31 + (a << n) + (uint64_t)(sa >> n) + (a >> n);
        sums[6] = sums[6] * 31 + (a << n | a >> ((64 - n) & 63));
        sums[7] += (uint64_t)(__builtin_clzll(b) * 10000 + __builtin_ctzll(a | 1ull << 63) * 100 + __builtin_popcountll(a));
        sums[8] += (uint64_t)((a < b) + 2 * (sa < -sb) + 4 * ((int32_t)a < (int32_t)b) + 8 * ((uint8_t)a == (uint8_t)b));
        sums[9] = sums[9] * 31 + (uint64_t)(int64_t)(int8_t)a + (uint64_t)(int64_t)(int16_t)(a >> 8) +
                  (uint64_t)(int64_t)(int32_t)(a >> 16) + __builtin_bswap64(a);
    }
    for (int i = 0; i < 10; i++)
        printf("%d %016" PRIx64 "\n", i, sums[i]);

    volatile int64_t least = INT64_MIN, one = 1;
    printf("%" PRId64 " %" PRId64 " %" PRId64 "\n", least, least / one, least % (one + 2));
    uint64_t primes[] = {2, 561, 2147483647, 3215031751, 9007199254740881, 18446744073709551557u, 18446744073709551559u};
    for (int i = 0; i < 7; i++)
        printf("%" PRIu64 " is %s\n", primes[i], is_prime(primes[i]) ? "prime" : "composite");
    printf("3^(2^63) mod 10^18+9 = %" PRIu64 "\n", power_modulo(3, 1ull << 63, 1000000000000000009u));

    uint64_t limbs[2] = {1, 0}, base = 100000000000000000u; // two limbs of 17 digits
    for (uint64_t i = 2; i <= 30; i++) {
        limbs[1] = limbs[1] * i + limbs[0] * i / base;
        limbs[0] = limbs[0] * i % base;
    }
    printf("30! = %" PRIu64 "%017" PRIu64 "\n", limbs[1], limbs[0]);
    return 0;
}
