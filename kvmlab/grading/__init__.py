"""Course work: exercises are released, collected, graded in sandboxes, and given back with feedback.

The folders are nbgrader's: ``release/EXERCISE/EXERCISE.ipynb`` goes out,
``submitted/STUDENT/EXERCISE/EXERCISE.ipynb`` comes back.
"""

from kvmlab.grading.collecting import Collected, collect
from kvmlab.grading.course import Course
from kvmlab.grading.feedback import write_feedback
from kvmlab.grading.grade import grade
from kvmlab.grading.releasing import release
from kvmlab.grading.result import Result, Status

__all__ = ["Collected", "Course", "Result", "Status", "collect", "grade", "release", "write_feedback"]
