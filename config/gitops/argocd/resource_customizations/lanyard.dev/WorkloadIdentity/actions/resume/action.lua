if obj.spec.transition ~= nil then
  obj.spec.transition.paused = false
end
return obj
