# SPDX-License-Identifier: MIT
"""NT's numbers in words, as its debugger prints them: thread states, wait reasons, kinds of dispatcher objects."""

STATES = ["INITIALIZED", "READY", "RUNNING", "STANDBY", "TERMINATED", "WAIT", "TRANSITION", "DEFERRED READY", "GATE WAIT"]
REASONS = ("Executive FreePage PageIn PoolAllocation DelayExecution Suspended UserRequest WrExecutive WrFreePage WrPageIn "
           "WrPoolAllocation WrDelayExecution WrSuspended WrUserRequest WrEventPair WrQueue WrLpcReceive WrLpcReply WrVirtualMemory "
           "WrPageOut WrRendezvous WrKeyedEvent WrTerminated WrProcessInSwap WrCpuRateControl WrCalloutStack WrKernel WrResource "
           "WrPushLock WrMutex WrQuantumEnd WrDispatchInt WrPreempted WrYieldExecution WrFastMutex WrGuardedMutex WrRundown").split()
KINDS = {0: "NotificationEvent", 1: "SynchronizationEvent", 2: "Mutant", 3: "Process", 4: "Queue", 5: "Semaphore", 6: "Thread",
         7: "Gate", 8: "NotificationTimer", 9: "SynchronizationTimer"}


def word(names, number):
    """names[number], or the number where there is no name."""
    try:
        return names[number]
    except (IndexError, KeyError):
        return str(number)
