/* What GCC compiles in its case: a sensor's checksum and a running mean, for a controller of 8 bits. */
#include <avr/io.h>
#include <avr/pgmspace.h>
#include <math.h>
#include <stdint.h>

static const uint8_t table[16] PROGMEM = {0, 49, 98, 83, 196, 245, 166, 151, 185, 136, 219, 234, 125, 76, 31, 46};

struct reading {
    uint16_t raw;
    uint8_t sum;
    int32_t micros;
};

static uint8_t checksum(const uint8_t *bytes, uint8_t count) {
    uint8_t sum = 0xff;
    while (count--) {
        sum ^= *bytes++;
        sum = sum << 4 ^ pgm_read_byte(&table[sum >> 4]);
        sum = sum << 4 ^ pgm_read_byte(&table[sum >> 4]);
    }
    return sum;
}

volatile struct reading last;
volatile uint64_t total;

int main(void) {
    uint8_t frame[3] = {0xbe, 0xef, 0};
    float mean = 0;
    DDRB |= _BV(DDB5);
    for (uint16_t n = 1;; n++) {
        frame[0] = ADCL, frame[1] = ADCH;
        last.raw = frame[0] | frame[1] << 8;
        last.sum = checksum(frame, 2);
        mean += (sqrtf(last.raw) - mean) / n;
        last.micros = (int32_t)(mean * 1e6f) % 997;
        total += (uint64_t)last.raw * last.raw / (n | 1u);
        if (last.sum & 1) PORTB ^= _BV(PORTB5);
        switch (last.sum & 7) {
            case 0: OCR0A = 1; break;
            case 1: OCR0A = 22; break;
            case 2: OCR0A = 3; break;
            case 3: OCR0B = 44; break;
            case 4: OCR0B = 5; break;
            case 5: return last.micros;
        }
    }
}
