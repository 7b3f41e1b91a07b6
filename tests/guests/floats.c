// Floating-point arithmetic, rounding, conversions and printing.
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t bits(double x) {
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static void show(const char *name, double x) {
    printf("%-9s %.17g %a %g %.3f %e %016llx\n", name, x, x, x, x, x, (unsigned long long)bits(x));
}

int main(void) {
    // volatile: the arithmetic is to be done by the guest, not by the C compiler
    volatile double zero = 0, one = 1, ten = 10, tiny = 5e-324, huge = DBL_MAX, third = 1.0 / 3;
    volatile float f = 16777216.0f;
    show("tenth", one / ten);
    show("sum", one / ten + 2 / ten);
    show("third", third);
    show("tiny", tiny);
    show("half tiny", tiny / 2);
    show("huge", huge);
    show("sqrt2", sqrt(one + one));
    show("minus 0", -zero);
    printf("inf %g %g nan %d %d order %d %d %d\n", huge * ten, -huge * ten, isnan(zero / zero), zero / zero == zero / zero,
           zero / zero < one, -zero == zero, one / -zero < 0);
    printf("float %d %d %.9g %.9g\n", f + 1 == f, f + 2 == f, (double)(float)third, (double)(f / 3.0f));

    volatile double halves[] = {-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 4503599627370497.5, -0.2};
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++)
        printf("%g: floor %g ceil %g trunc %g rint %g round %g\n", halves[i], floor(halves[i]), ceil(halves[i]),
               trunc(halves[i]), rint(halves[i]), round(halves[i]));

    volatile double whole = 4294967295.0, minus = -2147483648.0, large = 9007199254740993.0;
    printf("convert %u %d %lld %llu %.1f %.1f\n", (unsigned)whole, (int)minus, (long long)large,
           (unsigned long long)(large * 1000), (double)(unsigned long long)-1, (double)(float)16777217);
    printf("min/max %g %g %g %g\n", fmin(one, ten), fmax(-zero, one), fabs(-third), copysign(third, -zero));
    printf("parts %g %.17g %d\n", fmod(ten, third * 9), ldexp(third, 10), ilogb(ten));

    const char *texts[] = {"3.25", "1e-5", "0x1.8p3", "1e309", "-infinity", "  42abc", "0.1000000000000000055511151231257827",
                           "2.2250738585072011e-308"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *end;
        double x = strtod(texts[i], &end);
        printf("strtod %.17g rest '%s'\n", x, end);
    }

    // Sums whose last bits depend on the order and on rounding after every operation.
    double leibniz = 0, harmonic = 0, compensation = 0, x = 0.5;
    for (int i = 0; i < 100000; i++)
        leibniz += (i % 2 ? -4.0 : 4.0) / (2 * i + 1);
    for (int i = 1; i <= 100000; i++) {
        double y = 1.0 / i - compensation, t = harmonic + y;
        compensation = (t - harmonic) - y;
        harmonic = t;
    }
    for (int i = 0; i < 1000; i++)
        x = 3.9 * x * (1 - x);
    printf("series %.17g %.17g %.17g\n", leibniz, harmonic, x);
    return 0;
}
