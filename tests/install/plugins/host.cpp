// SPDX-License-Identifier: MIT
// A host of two plugins, on one thread.
//     host local|global FIRST SECOND      loads them
//     host linked                         was linked with them
// Ends with what the plugins say, 0 if both have played.
#include <cstdio>
#include <cstring>
#include <dlfcn.h>

#include "plugin.hpp"

#ifdef LINKED
extern "C" int first(const Plugin* other);
extern "C" int second(const Plugin* other);
#endif

namespace {

Plugin load(const char* file, const char* name, int flags) {
    void* const library = dlopen(file, RTLD_NOW | flags);
    if (library == nullptr) {
        std::fprintf(stderr, "%s\n", dlerror());
        return {nullptr};
    }
    return {reinterpret_cast<int (*)(const Plugin*)>(dlsym(library, name))};
}

int play(const Plugin& one, const Plugin& other) {
    const int outcome = one.play(&other);
    return outcome != played ? outcome : other.play(&one);
}

}  // namespace

int main(int count, char** arguments) {
#ifdef LINKED
    static_cast<void>(count);
    static_cast<void>(arguments);
    static_cast<void>(load);
    return play({first}, {second});
#else
    if (count != 4) {
        return 64;
    }
    const int flags = std::strcmp(arguments[1], "global") == 0 ? RTLD_GLOBAL : RTLD_LOCAL;
    const Plugin one = load(arguments[2], "first", flags);
    const Plugin other = load(arguments[3], "second", flags);
    return one.play != nullptr && other.play != nullptr ? play(one, other) : 65;
#endif
}
