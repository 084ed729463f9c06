// SPDX-License-Identifier: MIT
#include "blocked_resolver.hpp"

#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <netdb.h>

// Clang's thread sanitizer is linked into the program, where ours goes before its own, which has to
// be called all the same: it does not look at what glibc does inside, with locks that are hidden.
#define EDDY_TSAN_GETADDRINFO 0
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef EDDY_TSAN_GETADDRINFO
#define EDDY_TSAN_GETADDRINFO 1
extern "C" decltype(getaddrinfo) __interceptor_getaddrinfo;  // NOLINT(bugprone-reserved-identifier)
#endif
#endif

namespace eddy::testing {

namespace {

/// How to end the lookups that are blocked.
struct Resolver {
    std::mutex mutex;
    std::condition_variable released;
    bool blocks = false;
    std::size_t releases = 0;  // who was let go is not held by the next one
    std::size_t blocked = 0;
    struct OfName {
        std::size_t blocked = 0;
        std::size_t releases = 0;
    };
    std::map<std::string, OfName> names;
    std::string last;
};

Resolver& resolver() {
    static auto& only = *new Resolver;  // threads may be in it when the process ends
    return only;
}

void wait_until_released(const std::string& name) {
    Resolver& all = resolver();
    std::unique_lock lock(all.mutex);
    ++all.blocked;
    ++all.names[name].blocked;
    all.last = name;
    all.released.wait(lock, [&, before = all.releases, of_name = all.names[name].releases] {
        return !all.blocks || all.releases != before || all.names[name].releases != of_name;
    });
}

}  // namespace

BlockedResolver::BlockedResolver() {
    const std::lock_guard lock(resolver().mutex);
    resolver().blocks = true;
    resolver().blocked = 0;
    for (auto& [name, counts] : resolver().names) {
        counts.blocked = 0;
    }
}

void BlockedResolver::release() {
    {
        const std::lock_guard lock(resolver().mutex);
        resolver().blocks = false;
        ++resolver().releases;
    }
    resolver().released.notify_all();
}

void BlockedResolver::release(const std::string& name) {
    {
        const std::lock_guard lock(resolver().mutex);
        ++resolver().names[name].releases;
    }
    resolver().released.notify_all();
}

std::size_t BlockedResolver::blocked() const {
    const std::lock_guard lock(resolver().mutex);
    return resolver().blocked;
}

std::size_t BlockedResolver::blocked(const std::string& name) const {
    const std::lock_guard lock(resolver().mutex);
    return resolver().names[name].blocked;
}

std::string BlockedResolver::last() const {
    const std::lock_guard lock(resolver().mutex);
    return resolver().last;
}

namespace {

/// The C library's, or a sanitizer's in front of it.
int next_getaddrinfo(const char* host,
                     const char* service,
                     const addrinfo* hints,
                     addrinfo** result) {
#if EDDY_TSAN_GETADDRINFO
    static auto* const next = &__interceptor_getaddrinfo;
#else
    static auto* const next =
        reinterpret_cast<decltype(getaddrinfo)*>(dlsym(RTLD_NEXT, "getaddrinfo"));
#endif
    return next(host, service, hints, result);
}

/// Several answers in one, which glibc frees as such. Those of another family are left out.
int known_addresses(const char* service, const addrinfo* hints, addrinfo** result) {
    *result = nullptr;
    addrinfo** end = result;
    int status = EAI_NONAME;
    for (const char* const address : {"127.0.0.1", "127.0.0.2", "127.0.0.1", "::1"}) {
        if (next_getaddrinfo(address, service, hints, end) == 0) {
            status = 0;
        }
        while (*end != nullptr) {
            end = &(*end)->ai_next;
        }
    }
    return status;
}

/// So many different ones, each three times: 10.0.0.0, 10.0.0.0, 10.0.0.0, 10.0.0.1 ...
int many_addresses(int count, const addrinfo* hints, addrinfo** result) {
    *result = nullptr;
    addrinfo** end = result;
    for (int i = 0; i < 3 * count; ++i) {
        const int number = i / 3;
        const std::string address =
            "10.0." + std::to_string(number / 256) + '.' + std::to_string(number % 256);
        const int status = next_getaddrinfo(address.c_str(), nullptr, hints, end);
        if (status != 0) {
            return status;
        }
        end = &(*end)->ai_next;
    }
    return 0;
}

}  // namespace

}  // namespace eddy::testing

extern "C" int getaddrinfo(const char* host,
                           const char* service,
                           const addrinfo* hints,
                           addrinfo** result) {
    using namespace eddy::testing;
    const std::string name = host != nullptr ? host : "";
    const std::string with_status = "status.";
    if (name.starts_with(with_status)) {
        errno = EIO;
        return -std::atoi(host + with_status.size());
    }
    if (name.starts_with("blocked.")) {
        wait_until_released(name);
        return EAI_NONAME;
    }
    const std::string many = "many.";
    if (name.starts_with(many)) {
        return many_addresses(std::atoi(host + many.size()), hints, result);
    }
    if (name.starts_with("known.")) {
        wait_until_released(name);
        return known_addresses(service, hints, result);
    }
    return next_getaddrinfo(host, service, hints, result);
}
