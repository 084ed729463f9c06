// SPDX-License-Identifier: MIT
#pragma once

/// Which names leave the library. Eddy is compiled with hidden visibility, so what is not marked
/// stays inside.
///
/// EDDY_API      before a function, or after `class`: declared here, defined in a source.
/// EDDY_VISIBLE  after `class`: all of it is in headers. There is to be one such type only: it is
///               caught, or a field of what somebody exports.
/// EDDY_STATE    before a variable with state. Only ever declared in a header: a definition in an
///               inline variable, or in a static one of an inline function or a template, would be
///               one for each library of the process, or one for those that should not share.
///
/// EDDY_THREAD_STATE  the same, of a thread. In code of a program, with static libraries, it is one
///               segment-relative load: g++ does not see by itself that what is hidden is near.
///
/// Shared libraries (EDDY_SHARED, which CMake's targets and eddy.pc define): exported, so that a
/// program that is compiled with -fvisibility=hidden has the same types and state as the library.
/// Static ones: types and functions are what they are to the program's compiler, state is hidden:
/// two copies of Eddy in a process have nothing in common.
///
/// On Windows only static libraries are tried; the second half of the macros is written for shared
/// ones, which need a function in place of each thread-local variable of EDDY_STATE.
#if defined(EDDY_SHARED)
#if defined(_WIN32)
#define EDDY_VISIBLE
#if defined(EDDY_BUILDING)
#define EDDY_API __declspec(dllexport)
#else
#define EDDY_API __declspec(dllimport)
#endif
#else
#define EDDY_VISIBLE [[gnu::visibility("default")]]
#define EDDY_API [[gnu::visibility("default")]]
#endif
#define EDDY_STATE EDDY_API
#else
#define EDDY_VISIBLE
#define EDDY_API
#if defined(_WIN32)
#define EDDY_STATE
#else
#define EDDY_STATE [[gnu::visibility("hidden")]]
#endif
#endif

#if !defined(EDDY_SHARED) && !defined(_WIN32) && (!defined(__PIC__) || defined(__PIE__))
#define EDDY_THREAD_STATE [[gnu::visibility("hidden"), gnu::tls_model("local-exec")]]
#else
#define EDDY_THREAD_STATE EDDY_STATE
#endif
