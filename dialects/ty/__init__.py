from tyc.dialects.ty.elementwise import *
