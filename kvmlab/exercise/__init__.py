"""Exercises: tasks in a lab of their own, values for each learner, checks that earn points."""

from kvmlab.exercise.catalogue import ExerciseRow, list_exercises
from kvmlab.exercise.catalogue.parts import serve_name
from kvmlab.exercise.exercise import Exercise, Task, Work
from kvmlab.exercise.score import Score, score
from kvmlab.exercise.session import SEED, Session, begin_exercise, lab_name
from kvmlab.exercise.values import Chance, Values

__all__ = [
    "SEED",
    "Chance",
    "Exercise",
    "ExerciseRow",
    "Score",
    "Session",
    "Task",
    "Values",
    "Work",
    "begin_exercise",
    "lab_name",
    "list_exercises",
    "score",
    "serve_name",
]
