/* cpu.c: reads the feature bits: of x86-64 by CPUID and XGETBV, with no help of libgcc, whose
 * symbols a linked library would have to import; of Arm from Linux's auxiliary vector. */
#include "cpu.h"

#include <stddef.h>

#if defined(__x86_64__)

#include <stdatomic.h>

enum { EAX, EBX, ECX, EDX };

/* What the operating system must save on a task switch (bits of XCR0): without it, no use. */
enum { STATE_NONE = 0, STATE_YMM = 0x06, STATE_ZMM = 0xe6 };

typedef struct feature {
    uint32_t leaf;
    uint8_t subleaf;
    uint8_t register_index;
    uint8_t register_bit;
    uint8_t state;
} feature;

static const feature features[] = {
    [TYC_CPU_SSE42] = {1, 0, ECX, 20, STATE_NONE},
    [TYC_CPU_POPCNT] = {1, 0, ECX, 23, STATE_NONE},
    [TYC_CPU_AVX] = {1, 0, ECX, 28, STATE_YMM},
    [TYC_CPU_F16C] = {1, 0, ECX, 29, STATE_YMM},
    [TYC_CPU_FMA] = {1, 0, ECX, 12, STATE_YMM},
    [TYC_CPU_AVX2] = {7, 0, EBX, 5, STATE_YMM},
    [TYC_CPU_BMI] = {7, 0, EBX, 3, STATE_NONE},
    [TYC_CPU_BMI2] = {7, 0, EBX, 8, STATE_NONE},
    [TYC_CPU_LZCNT] = {0x80000001u, 0, ECX, 5, STATE_NONE},
    [TYC_CPU_MOVBE] = {1, 0, ECX, 22, STATE_NONE},
    [TYC_CPU_AVX512F] = {7, 0, EBX, 16, STATE_ZMM},
    [TYC_CPU_AVX512BW] = {7, 0, EBX, 30, STATE_ZMM},
    [TYC_CPU_AVX512VL] = {7, 0, EBX, 31, STATE_ZMM},
    [TYC_CPU_AVX512DQ] = {7, 0, EBX, 17, STATE_ZMM},
    [TYC_CPU_AVX512CD] = {7, 0, EBX, 28, STATE_ZMM},
    [TYC_CPU_AVX512VNNI] = {7, 0, ECX, 11, STATE_ZMM},
    [TYC_CPU_AVX512BF16] = {7, 1, EAX, 5, STATE_ZMM},
    [TYC_CPU_AVXVNNI] = {7, 1, EAX, 4, STATE_YMM},
};

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
    __asm__ volatile("cpuid"
                     : "=a"(out[EAX]), "=b"(out[EBX]), "=c"(out[ECX]), "=d"(out[EDX])
                     : "a"(leaf), "c"(subleaf));
}

/* CPUID of a leaf that this CPU does not know answers with another one's bits, so ask first. */
static int knows(const feature *wanted) {
    uint32_t out[4];
    cpuid(wanted->leaf & 0x80000000u, 0, out);
    if (out[EAX] < wanted->leaf) return 0;
    if (wanted->subleaf == 0) return 1;
    cpuid(wanted->leaf, 0, out);
    return out[EAX] >= wanted->subleaf;
}

static uint64_t saved_state(void) {
    uint32_t out[4], low, high;
    cpuid(1, 0, out);
    if (!(out[ECX] >> 27 & 1)) return 0; /* no OSXSAVE: XGETBV itself would trap */
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static uint64_t detect(void) {
    uint64_t found = 0, state = saved_state();
    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        const feature *wanted = &features[i];
        uint32_t out[4];
        if ((state & wanted->state) != wanted->state || !knows(wanted)) continue;
        cpuid(wanted->leaf, wanted->subleaf, out);
        if (out[wanted->register_index] >> wanted->register_bit & 1) found |= UINT64_C(1) << i;
    }
    return found;
}

uint64_t tyc_cpu_features(void) {
    /* CPUID traps in a virtual machine and takes microseconds there: once is enough. Threads that
     * race here write the same value. The top bit says "asked". */
    static _Atomic uint64_t cache;
    const uint64_t asked = UINT64_C(1) << 63;
    uint64_t found = atomic_load_explicit(&cache, memory_order_relaxed);
    if (!found) {
        found = detect() | asked;
        atomic_store_explicit(&cache, found, memory_order_relaxed);
    }
    return found & ~asked;
}

#elif defined(__aarch64__) || defined(__arm__)

#include <sys/auxv.h>

typedef struct feature {
    uint8_t bit;
    uint8_t vector; /* AT_HWCAP or AT_HWCAP2 */
    uint8_t vector_bit;
} feature;

/* Bits of asm/hwcap.h, which older systems lack in part. */
static const feature features[] = {
#if defined(__aarch64__)
    {TYC_CPU_DOTPROD, AT_HWCAP, 20},
    {TYC_CPU_FULLFP16, AT_HWCAP, 10},
    {TYC_CPU_FP16FML, AT_HWCAP, 23},
    {TYC_CPU_BF16, AT_HWCAP2, 14},
    {TYC_CPU_I8MM, AT_HWCAP2, 13},
    {TYC_CPU_SVE, AT_HWCAP, 22},
#else
    {TYC_CPU_NEON, AT_HWCAP, 12},
    {TYC_CPU_VFP4, AT_HWCAP, 16},
    {TYC_CPU_HWDIV, AT_HWCAP, 18},
    {TYC_CPU_HWDIV_ARM, AT_HWCAP, 17},
#endif
};

/* A look into memory that the system filled before the program began. */
uint64_t tyc_cpu_features(void) {
    uint64_t found = 0;
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        if (getauxval(features[i].vector) >> features[i].vector_bit & 1)
            found |= UINT64_C(1) << features[i].bit;
    return found;
}

#else

uint64_t tyc_cpu_features(void) { return 0; }

#endif
