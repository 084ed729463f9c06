# SPDX-License-Identifier: MIT
# The rooms of runtime/src, from the bottom to the top: what may enter each of them stands in
# runtime/src/README.md. A room sees the rooms that are listed for it, and itself.
#
# A header belongs to the room in which the source of its name is; those of eddy/net and eddy/os to
# the rooms of these names. Headers without a source are listed here, and no others.

set(rooms base fault core uv scope time group bridge loop os net)

set(base_sees "")
set(fault_sees base)
set(core_sees base fault)
set(uv_sees base fault core)
set(scope_sees base fault core)
set(time_sees base fault core)
set(group_sees base fault core scope time)
set(bridge_sees base fault core scope time group)
set(loop_sees base fault core uv scope time group bridge)
set(os_sees base fault core uv scope time group bridge loop)
set(net_sees base fault core uv scope time group bridge loop os)

set(base_headers compiler export failure_from job_name lifetime_bound list_link own owned_fd pin_library spawn_options split_mix
    time
)
set(fault_headers cause_slot observer outcome peer_gone)
set(core_headers
    await_result
    check_call
    deadline_node
    expression_task
    job_line
    select
    select_range
    shared_node
    then
    wait_owner
    yield
)
set(uv_headers signal_wait)
set(group_headers gather map_bounded retry_if spawner)
set(bridge_headers from_callback)
set(loop_headers detach_on_cancel keep_host spawn)
set(net_headers
    any_accept
    any_box
    any_operation
    peeked_reads
    queue_shutdown
    stream_reads
    timed_parts
    timed_state
    timed_tasks
    timed_waits
    write_port
)
