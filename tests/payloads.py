"""What a hostile pickle holds."""


class Runs:
    """Pickles to a call of a function, which whoever unpickles it makes."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call
