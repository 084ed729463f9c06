// SPDX-License-Identifier: MIT
#pragma once

#define PLUGIN_EXPORT __attribute__((visibility("default")))

/// What a plugin says of itself.
enum Outcome { played = 0, mixed = 1, not_alone = 2, failed = 3 };

/// A plugin: plays, and in the middle of it lets the other one do so, if there is one.
struct Plugin {
    int (*play)(const Plugin* other);
};
