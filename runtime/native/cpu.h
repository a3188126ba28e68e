/* cpu.h: which instruction-set extensions this CPU and its operating system offer. */
#ifndef TYC_CPU_H
#define TYC_CPU_H

#include <stdint.h>

/* Bit numbers of a feature set; the comment is LLVM's name. `tyc.runtime.abi` holds the same table
 * for the compiler, and a test compares the two. */
enum {
    TYC_CPU_SSE42 = 0,      /* sse4.2 */
    TYC_CPU_POPCNT = 1,     /* popcnt */
    TYC_CPU_AVX = 2,        /* avx */
    TYC_CPU_F16C = 3,       /* f16c */
    TYC_CPU_FMA = 4,        /* fma */
    TYC_CPU_AVX2 = 5,       /* avx2 */
    TYC_CPU_BMI = 6,        /* bmi */
    TYC_CPU_BMI2 = 7,       /* bmi2 */
    TYC_CPU_LZCNT = 8,      /* lzcnt */
    TYC_CPU_MOVBE = 9,      /* movbe */
    TYC_CPU_AVX512F = 10,   /* avx512f */
    TYC_CPU_AVX512BW = 11,  /* avx512bw */
    TYC_CPU_AVX512VL = 12,  /* avx512vl */
    TYC_CPU_AVX512DQ = 13,  /* avx512dq */
    TYC_CPU_AVX512CD = 14,  /* avx512cd */
    TYC_CPU_AVX512VNNI = 15, /* avx512vnni */
    TYC_CPU_AVX512BF16 = 16, /* avx512bf16 */
    TYC_CPU_AVXVNNI = 17,    /* avxvnni */
    TYC_CPU_DOTPROD = 18,    /* dotprod */
    TYC_CPU_FULLFP16 = 19,   /* fullfp16 */
    TYC_CPU_FP16FML = 20,    /* fp16fml */
    TYC_CPU_BF16 = 21,       /* bf16 */
    TYC_CPU_I8MM = 22,       /* i8mm */
    TYC_CPU_SVE = 23,        /* sve */
    TYC_CPU_NEON = 24,       /* neon */
    TYC_CPU_VFP4 = 25,       /* vfp4 */
    TYC_CPU_HWDIV = 26,      /* hwdiv */
    TYC_CPU_HWDIV_ARM = 27   /* hwdiv-arm */
};

/* The features on offer as a bit set, asked of the CPU once and then remembered; 0 where the CPU is
 * neither an x86-64 nor an Arm. Safe to call from any thread. */
uint64_t tyc_cpu_features(void);

#endif /* TYC_CPU_H */
