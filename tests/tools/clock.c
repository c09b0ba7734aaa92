/* A clock that is CLOCK_OFF_S seconds off, for LD_PRELOAD: that of a host cannot be set without the machine's own.
   libfaketime 0.9.10 also has Python's sleep fail (clock_nanosleep with an absolute time). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

typedef int (*reader)(clockid_t, struct timespec *);

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static reader real;
    if (!real)
        real = (reader)dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    const char *off = getenv("CLOCK_OFF_S");
    if (!failed && off && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += atol(off);
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec read;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &read))
        return -1;
    now->tv_sec = read.tv_sec;
    now->tv_usec = read.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now)
{
    struct timespec read;
    clock_gettime(CLOCK_REALTIME, &read);
    if (now)
        *now = read.tv_sec;
    return read.tv_sec;
}
