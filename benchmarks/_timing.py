"""How asv times runs of seconds: what the classes of this suite have in common."""


class Timed:
    """One call a sample, five samples a round where ten seconds allow it, in two processes.

    What else a class needs stands in it: `version`, which tells whether its old results still mean the same, and
    `warmup_time = 0` where a run before the first sample would change what is measured, or take too long.
    """

    number = 1
    repeat = (3, 5, 10.0)
    rounds = 2
    timeout = 900
