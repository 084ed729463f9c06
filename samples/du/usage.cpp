// SPDX-License-Identifier: MIT
#include "usage.hpp"

#include <cstddef>
#include <iostream>
#include <optional>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/fs/directory.hpp>
#include <eddy/task_group.hpp>

#include "../printable.hpp"
#include "size_text.hpp"

using eddy::DirectoryEntry;
using eddy::FileStatus;
using eddy::Task;
using eddy::TaskGroup;

Task<> Usage::measure(std::string path) {
    FileStatus status;
    try {
        status = co_await eddy::file_status(path, {.follow = false});
    } catch (const eddy::IoError& error) {
        complain("access", path, error.code());
        co_return;
    }
    if (!is_new(status)) {
        co_return;
    }
    if (status.is_directory()) {
        Place place{std::move(path), status, 0, status.device};
        co_await directory(std::move(place));
    } else {
        print(size_of(status), path);
    }
}

Task<std::uint64_t> Usage::directory(Place place) {
    std::uint64_t total = size_of(place.status);
    std::vector<DirectoryEntry> entries;
    try {
        entries = co_await eddy::list_directory(
            place.path, {.follow = false, .status = true, .limit = static_cast<std::size_t>(-1)});
    } catch (const eddy::IoError& error) {
        complain("read directory", place.path, error.code());
    }
    std::vector<Place> below;
    const std::string prefix = place.path + (place.path.ends_with('/') ? "" : "/");
    for (const DirectoryEntry& entry : entries) {
        std::string path = prefix + entry.name;
        if (!entry.status) {
            complain("access", path, entry.error);
        } else if (entry.status->is_directory() && options_.one_file_system &&
                   entry.status->device != place.device) {
            continue;
        } else if (!is_new(*entry.status)) {
            continue;
        } else if (entry.status->is_directory()) {
            below.push_back({std::move(path), *entry.status, place.depth + 1, place.device});
        } else {
            total += size_of(*entry.status);
            if (options_.all && place.depth < options_.max_depth) {
                print(size_of(*entry.status), path);
            }
        }
    }
    entries = {};
    // As long as there is room, a job of its own for each; else this one goes there itself.
    co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
        for (Place& next : below) {
            std::optional<eddy::Permit> permit = jobs_.try_acquire();
            if (permit) {
                group.spawn(beside(std::move(next), std::move(*permit), total));
            } else {
                const std::uint64_t size = co_await directory(std::move(next));
                total += size;
            }
        }
    });
    if (place.depth <= options_.max_depth) {
        print(total, place.path);
    }
    co_return total;
}

Task<> Usage::beside(Place place, eddy::Permit permit, std::uint64_t& total) {
    const eddy::Permit held = std::move(permit);
    const std::uint64_t size = co_await directory(std::move(place));
    total += size;
}

bool Usage::is_new(const FileStatus& status) {
    // Of several paths, one may lead into another.
    const bool may_come_again =
        options_.paths.size() > 1 || (!status.is_directory() && status.links > 1);
    return options_.every_link || !may_come_again ||
           counted_.emplace(status.device, status.inode).second;
}

std::uint64_t Usage::size_of(const FileStatus& status) const {
    return options_.apparent ? status.size : status.allocated;
}

void Usage::print(std::uint64_t size, std::string_view path) const {
    if (options_.human) {
        std::cout << human_size(size);
    } else {
        std::cout << (options_.apparent ? size : (size + 1023) / 1024);
    }
    std::cout << '\t' << path << '\n';
}

void Usage::complain(std::string_view what, std::string_view path, const std::error_code& why) {
    failed_ = true;
    std::cerr << "du: cannot " << what << " '" << printable(path) << "': " << why.message() << '\n';
}
