if obj.spec.transition == nil then
  obj.spec.transition = {}
end
obj.spec.transition.paused = true
return obj
